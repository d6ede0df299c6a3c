"""PNG, JPEG, BMP and WebP files: one tile, decoded when first asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mitofm.data.images.base import Image, note_orientation, refuse_bomb, take_rgb
from mitofm.data.images.broken import unreadable
from mitofm.ground.errors import MitofmError

_WAYS = {  # out of other modes
    **dict.fromkeys(
        ("1", "L", "LA", "La", "I", "I;16", "I;16B", "F"), "it is grey, and without colour there is no stain to see"
    ),
    "CMYK": "CMYK is made for printing: save the original as RGB",
}
_ORIENTATION = 0x0112  # EXIF tag


class Picture(Image):
    """An image that can only be decoded whole. MitofmError if it is broken, or not 8-bit RGB."""

    mpp = None  # a density in such a file is one for printing

    def __init__(self, path: Path) -> None:
        from PIL import Image as Pillow

        self.path = path
        Pillow.MAX_IMAGE_PIXELS = None  # regions of slides are larger than Pillow expects: see refuse_bomb
        try:
            self._file = Pillow.open(path)
        except Exception as error:  # the decoders raise whatever they meet first in a broken file
            raise unreadable(path, error) from error
        self._refuse_other_pixels()
        self.width, self.height = self.tile_width, self.tile_height = self._file.size
        refuse_bomb(path, self.width, self.height)
        if "exif" in self._file.info:  # without asking for it: Pillow would decode a PNG to look behind its pixels
            self.notes = note_orientation(self._file.getexif().get(_ORIENTATION, 1))

    def tile(self, row: int, column: int) -> np.ndarray:
        """All of it."""
        file = self._file
        try:
            has_keyed = file.mode == "P" or "transparency" in file.info  # colours, one of which may mean transparent
            pixels = np.asarray(file.convert("RGBA") if has_keyed else file)
        except Exception as error:
            raise unreadable(self.path, error) from error
        return take_rgb(pixels, self.path)

    def _refuse_other_pixels(self) -> None:
        path, file = self.path, self._file
        if file.format == "PNG" and _read_png_depth(path) == 16:
            raise MitofmError(f"{path}: this image has 16 bits per channel; convert it to 8 bit, whose range is known")
        if file.mode not in ("RGB", "RGBA", "P"):
            way = _WAYS.get(file.mode, "convert it from an original with colour")
            raise MitofmError(f"{path}: this image is not 8-bit RGB (mode {file.mode}); {way}")
        if file.format in ("PNG", "WEBP") and (images := getattr(file, "n_frames", 1)) > 1:
            raise MitofmError(f"{path}: this is an animation of {images} images; save each as a file of its own")


def _read_png_depth(path: Path) -> int:
    """Bits per channel, byte 24 of a PNG file (its IHDR chunk); Pillow would cut 16 down to 8 without a word."""
    with path.open("rb") as file:
        return file.read(25)[24]
