"""The contract of an image: it knows its size, and decodes one of its tiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from mitofm.ground.errors import MitofmError

_MOST_AT_ONCE = 2**30  # pixels of one tile, 3 GB: ten times the largest published region


class Image(ABC):
    """An opened image: at level 0, a grid of tiles of 8-bit RGB."""

    path: Path
    width: int  # px
    height: int  # px
    mpp: float | None  # micrometre per px as the file says; None if it does not
    tile_width: int  # px between the left edges of neighbouring tiles
    tile_height: int  # px between their upper edges
    empty_tiles: int = 0  # that the file lists without a byte: they are read as background
    notes: tuple[str, ...] = ()  # on how it is read, each the end of a sentence that begins with the file's name
    _file: Any  # the reader's

    @abstractmethod
    def tile(self, row: int, column: int) -> np.ndarray:
        """The tile: (h, w, 3 or 4) uint8, h and w at least what of it lies inside the image.

        MitofmError if it cannot be decoded, or its pixels are not opaque RGB of 8 bit.
        """

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_bomb(path: Path, width: int, height: int) -> None:
    """Raise MitofmError if `width` x `height` px, decoded at once, would fill the memory: a small file can hold so many."""
    if width * height > _MOST_AT_ONCE:
        raise MitofmError(
            f"{path}: {width} x {height} px would have to be decoded at once, more than {_MOST_AT_ONCE:.1e}: cut it into "
            "regions, or save it as a tiled TIFF"
        )


def note_orientation(orientation: int) -> tuple[str, ...]:
    """A note if a file asks viewers to turn or mirror the image (EXIF or TIFF orientation, 1 to 8): mitofm does not."""
    if orientation in (0, 1):
        return ()
    return (
        f"asks to be shown turned or mirrored (orientation {orientation}), but is read as stored: x and y must count in the "
        "stored image",
    )


def take_rgb(pixels: np.ndarray, path: Path) -> np.ndarray:
    """The RGB part of decoded `pixels` (h, w, 3 or 4): an opaque alpha channel is dropped.

    MitofmError if they are not 8-bit RGB, or partly transparent.
    """
    if pixels.dtype != np.uint8:
        raise MitofmError(f"{path}: this image has {pixels.dtype} pixels; convert it to 8 bit, whose range is known")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise MitofmError(
            f"{path}: this image is not RGB (shape {pixels.shape}); without colour there is no stain to see"
        )
    if pixels.shape[2] == 4 and (pixels[..., 3] < 255).any():
        raise MitofmError(
            f"{path}: this image is partly transparent, or has a fourth channel that is no alpha: save it as RGB without one"
        )
    return pixels[..., :3]
