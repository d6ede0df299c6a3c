"""Files and folders by the names their authors give them: as published first, then in whatever case the disk has."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from mitofm.ground.errors import MitofmError

_SHOWN = 8


def find(root: Path, names: str | Sequence[str], what: str) -> Path:
    """The file in folder `root` that has the first of `names` there is.

    Each name is tried as it is written, in order; then each again without regard to case, in every part of its path.

    Args:
        root: the folder.
        names: paths relative to it (or absolute): the published one, older ones.
        what: whose file it is, for messages: "data set 'ami_br'".

    Raises:
        MitofmError: there is none, or two that differ from a name by case alone.
    """
    return _find(root, names, what, Path.is_file)


def find_folder(root: Path, names: str | Sequence[str], what: str) -> Path:
    """As `find`, but a folder."""
    return _find(root, names, what, Path.is_dir)


def missing(root: Path, names: str | Sequence[str], what: str) -> MitofmError:
    """The error for what `find` did not find: what was looked for, what lies there instead, and the way out."""
    first, *others = _listed(names)
    also = f" (nor {' nor '.join(others)})" if others else ""
    place = f"{root} holds {describe_content(root)}" if root.is_dir() else f"{root} is no folder"
    return MitofmError(
        f"{what} is not here: {root / first} does not exist{also}; {place}. Put its annotations and images there, or "
        "point paths.data (MITOFM_DATA) or data.source.root at the folder that holds them"
    )


def describe_content(folder: Path) -> str:
    """What lies in `folder`, in words, shortened if it is much."""
    names = sorted(entry.name for entry in folder.iterdir())
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


def fold_case(name: str) -> str:
    """`name` without regard to case and to how its accents are encoded (macOS writes them as letters of their own)."""
    return unicodedata.normalize("NFC", name).casefold()


def _find(root: Path, names: str | Sequence[str], what: str, fits: Callable[[Path], bool]) -> Path:
    listed = _listed(names)
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


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


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
