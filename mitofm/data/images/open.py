"""Opening an image with the reader for the ending of its name, which must be true."""

from __future__ import annotations

import importlib
from pathlib import Path

from mitofm.data.images.base import Image
from mitofm.data.images.broken import cut_short
from mitofm.data.images.kinds import TO_TIFF, UNREAD, check_kind
from mitofm.ground.errors import MitofmError

_READERS = {  # imported when first needed: a set of PNG crops wants no OpenSlide
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".webp"), "picture.Picture"),
    **dict.fromkeys((".tif", ".tiff", ".btf", ".tf2", ".tf8", ".qptiff"), "tiff.open_tiff"),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm"), "slide.Slide"),
}


def open_image(path: Path) -> Image:
    """The opened image in `path`.

    MitofmError if the file is missing, empty, broken, of another format than its ending says, or not 8-bit RGB.
    """
    kind = path.suffix.lower()
    if kind in UNREAD:
        raise MitofmError(f"{path}: {UNREAD[kind]} is not read. {TO_TIFF}")
    if kind not in _READERS:
        raise MitofmError(
            f"{path}: images are read from {', '.join(_READERS)}, not from {kind or 'a file without ending'!r}"
        )
    if not path.is_file():
        raise MitofmError(f"{path}: this image does not exist")
    if path.stat().st_size == 0:
        raise cut_short(path, "the file is empty")
    check_kind(path)
    module, _, reader = _READERS[kind].partition(".")
    return getattr(importlib.import_module(f"mitofm.data.images.{module}"), reader)(path)


def files_of(path: Path) -> list[Path]:
    """The files that hold the image: `path`, and for MIRAX the folder of the same name beside it."""
    return [path, *sorted(path.with_suffix("").glob("*"))] if path.suffix.lower() == ".mrxs" else [path]


def is_readable(path: Path) -> bool:
    """Whether its ending is one that images are read from."""
    return path.suffix.lower() in _READERS
