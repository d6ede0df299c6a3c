"""TIFF files: regions, tiled or in strips, and level 0 of a pyramid; through tifffile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from mitofm.data.images import resolution
from mitofm.data.images.base import Image, note_orientation, refuse_bomb, take_rgb
from mitofm.data.images.broken import cut_short, damaged, find_lack
from mitofm.data.images.pages import choose_page
from mitofm.ground.errors import MitofmError

_WHITE = 255
_SAME = 0.05  # a smaller difference between two statements of the resolution is rounding, or the optics' nominal one
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 274, 282, 283, 296  # tags
_XMP, _GDAL_NODATA, _NDPI = 700, 42113, 65420
_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}  # the last two are tifffile's own


def open_tiff(path: Path) -> Image:
    """The opened TIFF, whatever its ending: through OpenSlide if plain TIFF rules do not give its pixels, else tifffile.

    MitofmError if it is broken, cut short, a stack, or not 8-bit RGB.
    """
    if lack := find_lack(path):
        raise cut_short(path, lack)
    try:
        file = tifffile.TiffFile(path)
    except Exception as error:  # tifffile raises whatever it meets first in a broken file
        raise damaged(path, error) from error
    try:
        if _is_read_by_openslide(path, file.pages.first):
            from mitofm.data.images.slide import Slide

            file.close()
            return Slide(path)
        return Tiff(path, file)
    except Exception as error:
        file.close()
        if isinstance(error, MitofmError):
            raise
        raise damaged(path, error) from error


class Tiff(Image):
    """The image of a TIFF `file`. A strip is a tile as wide as the image. What was never scanned is background.

    MitofmError if it is empty, a stack, or not 8-bit RGB.
    """

    def __init__(self, path: Path, file: tifffile.TiffFile) -> None:
        self.path, self._file = path, file
        self._page, self.notes = choose_page(path, file)
        page = self._page
        self._starts, self._lengths = np.array(page.dataoffsets, np.int64), np.array(page.databytecounts, np.int64)
        n = min(len(self._starts), len(self._lengths))  # as for libtiff, what is not listed is empty
        self._present = (self._starts[:n] > 0) & (self._lengths[:n] > 0)
        if not self._present.any():
            raise MitofmError(
                f"{path}: this TIFF holds no pixels, all its tiles have 0 bytes. Fetch or export it again"
            )
        self.height, self.width = page.imagelength, page.imagewidth
        self.tile_height, self.tile_width = (
            (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        )
        sizes = (self.width, self.height, self.tile_width, self.tile_height)
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise damaged(path, f"its sizes are {sizes}")
        refuse_bomb(path, self.tile_width, self.tile_height)
        self._rows, self._columns = -(-self.height // self.tile_height), -(-self.width // self.tile_width)
        self._background = page.nodata if _GDAL_NODATA in page.tags else _WHITE
        in_planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        self._planes = page.samplesperpixel if in_planes else 1
        self.empty_tiles = self._rows * self._columns - int(self._present.sum()) // self._planes
        if n < (needed := self._rows * self._columns * self._planes):
            self.notes += (f"lists {n} tiles or strips, but has {needed}: those that are not listed are background",)
        self._decode = page.decode
        self.notes += note_orientation(page.tags.valueof(_ORIENTATION, default=1))
        self.mpp, said = _read_resolution(path, page, file.pages.first)
        self.notes += said

    def tile(self, row: int, column: int) -> np.ndarray:
        """The tile or strip, as far as it lies inside the image."""
        height = min(self.tile_height, self.height - row * self.tile_height)
        width = min(self.tile_width, self.width - column * self.tile_width)
        index = row * self._columns + column
        try:
            parts = [self._read_segment(index + plane * self._rows * self._columns) for plane in range(self._planes)]
        except Exception as error:
            raise damaged(self.path, f"tile {row}, {column}: {error}") from error
        known = [part[:height, :width] for part in parts if part is not None]
        if not known:
            return np.full((height, width, 3), self._background, np.uint8)
        if len(known) < self._planes:
            raise damaged(self.path, f"tile {row}, {column}: only some of its colours have bytes")
        return take_rgb(known[0] if self._planes == 1 else np.concatenate(known, axis=2), self.path)

    def _read_segment(self, index: int) -> np.ndarray | None:
        """One tile or strip, of one plane if they are apart: (h, w, channels), or None if it was never written."""
        if index >= len(self._present) or not self._present[index]:
            return None
        handle = self._file.filehandle
        handle.seek(int(self._starts[index]))
        coded = handle.read(int(self._lengths[index]))
        decoded, _, _ = self._decode(coded, index, jpegtables=self._page.jpegtables)
        return None if decoded is None else decoded[0]


def _is_read_by_openslide(path: Path, first: tifffile.TiffPage) -> bool:
    """Whether plain TIFF rules do not give its pixels: its tiles overlap or are placed otherwise, or it is not RGB."""
    hint = (
        _NDPI in first.tags
        or first.is_scn
        or first.software.startswith("MedScan")  # Trestle
        or "<iScan" in str(first.tags.valueof(_XMP))  # Ventana
        or first.compression == tifffile.COMPRESSION.APERIO_JP2000_YCBC
    )
    if not hint:
        return False
    from openslide import OpenSlide

    return OpenSlide.detect_format(path) not in (None, "generic-tiff")


def _read_resolution(
    path: Path, page: tifffile.TiffPage, first: tifffile.TiffPage
) -> tuple[float | None, tuple[str, ...]]:
    """Micrometre per px of `page`: as a description says (OME's is in the `first` page), else as the tags do.

    MitofmError if its pixels are not square.
    """
    tags = _divide(page.tags.valueof(_X_RESOLUTION)), _divide(page.tags.valueof(_Y_RESOLUTION))
    in_tags = resolution.parse_tags(*tags, _UNITS.get(page.tags.valueof(_RESOLUTION_UNIT), ""))
    texts = dict.fromkeys([page.description, page.description1, first.description if first.is_ome else ""])
    for text in texts:
        said = resolution.require_square(path, *resolution.parse_text(text, page.imagewidth, page.imagelength, tags))
        if said is not None:
            other = in_tags[0]
            note = f"says {said:g} micrometre per px in its description, {other or 0:g} in its tags: the first is used"
            differs = resolution.is_plausible(other) and abs(other / said - 1) > _SAME
            return said, (note,) if differs else ()
    return resolution.require_square(path, *in_tags), ()


def _divide(value: tuple[int, int] | None) -> float | None:
    return value[0] / value[1] if value and all(value) else None
