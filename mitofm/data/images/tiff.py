"""TIFF files: regions, tiled or in strips, and level 0 of a generic pyramid; through tifffile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from mitofm.data.images.base import Image, colours, refuse_bomb, unreadable
from mitofm.errors import MitofmError

_PLAUSIBLE = (0.02, 20.0)  # micrometre per px: a resolution outside is one for printing, such as 72 dpi


class Tiff(Image):
    """The first page of a TIFF file. A strip is a tile as wide as the image.

    Raises:
        MitofmError: it is broken, cut short, or not RGB.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = tifffile.TiffFile(path)
            self._page = page = self._file.pages.first
            photometric, self._decode = page.photometric, page.decode
        except Exception as error:  # tifffile raises whatever it meets first in a broken file
            raise unreadable(path, error) from error
        if photometric not in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
            raise MitofmError(
                f"{path}: this image is not RGB (photometric {photometric}); without colour there is no stain to see"
            )
        ends = [at + length for at, length in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if max(ends, default=0) > (size := path.stat().st_size):
            raise unreadable(path, f"it should have {max(ends)} bytes, but has {size}")
        self.height, self.width = page.imagelength, page.imagewidth
        self._in_planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE  # rare: decoded whole
        self.tile_height, self.tile_width = (self.height, self.width) if self._in_planes else page.chunks[:2]
        refuse_bomb(path, self.tile_width, self.tile_height)
        self._columns = -(-self.width // self.tile_width)
        self.mpp = _mpp(page)

    def tile(self, row: int, column: int) -> np.ndarray:
        """The tile or strip."""
        try:
            if self._in_planes:
                pixels = np.moveaxis(self._page.asarray(), 0, -1)
            else:
                index = row * self._columns + column
                handle = self._file.filehandle
                handle.seek(self._page.dataoffsets[index])
                coded = handle.read(self._page.databytecounts[index])
                decoded, _, _ = self._decode(coded, index, jpegtables=self._page.jpegtables)
                if decoded is None:
                    raise ValueError("the file holds nothing for it")
                pixels = decoded[0]
        except Exception as error:
            raise unreadable(self.path, f"tile {row}, {column}: {error}") from error
        return colours(pixels, self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _mpp(page: tifffile.TiffPage) -> float | None:
    if page.tags.get("ResolutionUnit") is None or page.resolutionunit == tifffile.RESUNIT.NONE:
        return None
    per_micrometre = page.get_resolution("micrometer")[0]
    mpp = 1 / per_micrometre if per_micrometre else None
    return mpp if mpp is not None and _PLAUSIBLE[0] <= mpp <= _PLAUSIBLE[1] else None
