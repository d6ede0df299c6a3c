"""PNG and JPEG files: one tile, decoded when first asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mitofm.data.images.base import Image, colours, refuse_bomb, unreadable
from mitofm.errors import MitofmError


class Picture(Image):
    """An image that can only be decoded whole.

    Raises:
        MitofmError: it is broken, or not 8-bit RGB.
    """

    mpp = None  # a density in such a file is one for printing

    def __init__(self, path: Path) -> None:
        from PIL import Image as Pillow

        self.path = path
        Pillow.MAX_IMAGE_PIXELS = None  # regions of slides are larger than Pillow expects: see refuse_bomb
        try:
            self._file = Pillow.open(path)
        except Exception as error:  # the decoders raise whatever they meet first in a broken file
            raise unreadable(path, error) from error
        if self._file.mode not in ("RGB", "RGBA", "P"):
            raise MitofmError(
                f"{path}: this image is not 8-bit RGB (mode {self._file.mode}); convert it from an original with colour"
            )
        if self._file.format == "PNG" and _png_depth(path) == 16:
            raise MitofmError(f"{path}: this image has 16 bits per channel; convert it to 8 bit, whose range is known")
        self.width, self.height = self.tile_width, self.tile_height = self._file.size
        refuse_bomb(path, self.width, self.height)

    def tile(self, row: int, column: int) -> np.ndarray:
        """All of it."""
        try:
            pixels = np.asarray(self._file.convert("RGBA") if self._file.mode == "P" else self._file)
        except Exception as error:
            raise unreadable(self.path, error) from error
        return colours(pixels, self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _png_depth(path: Path) -> int:
    """Bits per channel, byte 24 of a PNG file (its IHDR chunk); Pillow would cut 16 down to 8 without a word."""
    with path.open("rb") as file:
        return file.read(25)[24]
