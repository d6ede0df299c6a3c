"""Files and folders by the names their authors give them: as published first, then in whatever case the disk has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mitofm.data.sources.spelling import fold_case, list_words
from mitofm.ground.errors import MitofmError

_SHOWN = 8


def find(root: Path, names: str | Sequence[str], what: str, fits: Callable[[Path], bool] = Path.is_file) -> Path:
    """The file in folder `root` that has the first of `names` there is.

    Each name is tried as it is written, in order; then each again without regard to case, in every part of its path.
    MitofmError if there is none, or two that differ from a name by case alone.

    Args:
        names: paths relative to `root` (or absolute).
        what: whose file it is, for messages: "data set 'ami_br'".
        fits: `Path.is_dir` looks for a folder.
    """
    listed = list_words(names)
    for name in listed:
        if fits(root / name):
            return root / name
    for name in listed:
        alike = [path for path in _find_alike(root, name) if fits(path)]
        if len(alike) > 1:
            raise MitofmError(
                f"{what}: {root / name} may be {alike[0]} or {alike[1]}, which differ by case only. Keep or rename one"
            )
        if alike:
            return alike[0]
    raise missing(root, listed, what)


def missing(root: Path, names: str | Sequence[str], what: str) -> MitofmError:
    """The error for what `find` did not find."""
    first, *others = list_words(names)
    also = f" (nor {' nor '.join(others)})" if others else ""
    return absent(what, f"{root / first} does not exist{also}", root)


def absent(what: str, lack: str, root: Path) -> MitofmError:
    """The error for files that are not there: what is lacking, what lies in `root` instead, and the way out."""
    return MitofmError(
        f"{what} is not here: {lack}; {describe(root)}. Put its annotations and images there, or point paths.data "
        "(MITOFM_DATA) or data.source.root at the folder that holds them"
    )


def describe(folder: Path) -> str:
    """What `folder` holds, in words, shortened if it is much."""
    if not folder.is_dir():
        return f"{folder} is no folder"
    names = sorted(entry.name for entry in folder.iterdir())
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    return f"{folder} holds {', '.join(names[:_SHOWN]) + more if names else 'nothing'}"


def _find_alike(root: Path, name: str) -> list[Path]:
    """Every path that is `name` below `root` but for the case of its parts, sorted."""
    places = [root]
    for part in Path(name).parts:
        if part == ".." or Path(part).is_absolute():
            places = [place / part for place in places]
        else:
            inside = [entry for place in places if place.is_dir() for entry in place.iterdir()]
            places = sorted(entry for entry in inside if fold_case(entry.name) == fold_case(part))
    return places
