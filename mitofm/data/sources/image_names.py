"""The image of a file of annotations that names it without its ending, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mitofm.data.images.open import is_readable
from mitofm.data.sources.spelling import fold_case
from mitofm.ground.errors import MitofmError

_OME = ".ome"


def complete_names(folder: Path, names: Iterable[str], origin: str) -> dict[str, str]:
    """Each of `names`, with the ending of the image of that name in `folder` if it has none; MitofmError unless it is one."""
    return {name: name if is_readable(Path(name)) else _complete(folder, name, origin) for name in names}


def find_image(folder: Path, beside: Path, name: str, origin: str) -> str:
    """The image, as a path in `folder`, of a file of objects that names none.

    It is the image of the file's `name` (without ending), in `folder` or in the file's folder `beside`, else the only image
    of `folder`. MitofmError, naming the file as `origin`, if there is none, or several.
    """
    places = [folder] + [beside] * (beside.resolve() != folder.resolve() and beside.is_relative_to(folder))
    for place in places:
        if found := _find_alike(place, name, origin):
            return found.relative_to(folder).as_posix()
    images = _list_images(folder)
    if len(images) == 1:
        return images[0].name
    raise MitofmError(
        f"{origin} does not say which image it is of: none in {folder} is called {name!r}, and there are {len(images)}. "
        "Name the file as its image (a.geojson of a.svs), or the image in each feature: properties.image"
    )


def _complete(folder: Path, name: str, origin: str) -> str:
    path = PurePosixPath(name)
    found = _find_alike(folder / path.parent, path.name, origin)
    if found is None:
        raise MitofmError(
            f"{origin}: image {name!r} has no ending that images are read from, and no image in {folder / path.parent} has "
            "that name. Correct the name, or say in which folder the images are: data.source.images"
        )
    return str(path.with_name(found.name))


def _find_alike(folder: Path, name: str, origin: str) -> Path | None:
    """The image in `folder` called `name`, with an ending or without; to the letter, else but for case."""
    images = _list_images(folder)
    for spelled in (str, fold_case):
        found = [path for path in images if spelled(name) in map(spelled, _list_names(path))]
        if len(found) > 1:
            raise MitofmError(
                f"{origin}: {name!r} may be the image {found[0]} or {found[1].name}. Rename one, or name it with its ending"
            )
        if found:
            return found[0]
    return None


def _list_names(path: Path) -> tuple[str, str, str]:
    return path.name, path.stem, path.stem[: -len(_OME)] if path.stem.lower().endswith(_OME) else path.stem


def _list_images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_readable(path) and not path.name.startswith("."))
