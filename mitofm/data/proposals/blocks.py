"""An image in square blocks of bounded memory, each tile decoded about once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mitofm.data.images.base import Image
from mitofm.data.images.squares import read_windows

_KEPT = 192 * 2**20  # bytes of decoded tiles


class CachedTiles(Image):
    """An image whose last decoded tiles are kept, as many as fit in `_KEPT` bytes, and one at least."""

    def __init__(self, image: Image) -> None:
        self._file, self.path, self.mpp = image, image.path, image.mpp
        self.width, self.height = image.width, image.height
        self.tile_width, self.tile_height = image.tile_width, image.tile_height
        self.notes, self.empty_tiles = image.notes, image.empty_tiles
        self._tiles: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._bytes = 0

    def tile(self, row: int, column: int) -> np.ndarray:
        """See `Image.tile`."""
        place = (row, column)
        if place in self._tiles:
            self._tiles.move_to_end(place)
            return self._tiles[place]
        decoded = self._file.tile(row, column)
        self._tiles[place] = decoded
        self._bytes += decoded.nbytes
        while self._bytes > _KEPT and len(self._tiles) > 1:
            self._bytes -= self._tiles.popitem(last=False)[1].nbytes
        return decoded


@dataclass(frozen=True)
class Block:
    """A part of an image, in px: `width` x `height` from `left`, `top` on."""

    left: int
    top: int
    width: int
    height: int

    def read(self, image: Image, around: int = 0) -> tuple[np.ndarray, int, int]:
        """Its pixels (h, w, 3) uint8 and up to `around` px on each side as far as the image goes, with their left and top edge."""
        left, top = max(0, self.left - around), max(0, self.top - around)
        right = min(image.width, self.left + self.width + around)
        bottom = min(image.height, self.top + self.height + around)
        (pixels,) = read_windows(image, np.array([[left, top]]), np.array([right - left, bottom - top]))
        return pixels, left, top


def list_bands(width: int, height: int, side: int) -> Iterator[list[Block]]:
    """The blocks of `side` px of an image, row by row from the top; those at the right and lower border are what is left."""
    for top in range(0, height, side):
        yield [Block(left, top, min(side, width - left), min(side, height - top)) for left in range(0, width, side)]
