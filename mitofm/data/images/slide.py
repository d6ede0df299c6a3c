"""Whole slides in the scanners' own formats, through OpenSlide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide

from mitofm.data.images import resolution
from mitofm.data.images.base import Image, refuse_bomb
from mitofm.data.images.broken import cut_short, damaged, find_lack
from mitofm.data.images.kinds import TO_TIFF
from mitofm.ground.errors import MitofmError

_BLOCK = 512  # px, if a slide does not say how it is tiled


class Slide(Image):
    """Level 0 of a slide. Its tiles are the file's own, so that each is decoded once.

    MitofmError if OpenSlide does not know it, or it is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if lack := find_lack(path):
            raise cut_short(path, lack)
        try:
            self._file = openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError as error:
            is_tiff = path.suffix.lower() in (".svs", ".ndpi", ".scn", ".bif")
            rename = f"If it is a plain TIFF, rename it to {path.with_suffix('.tif').name}"
            way = rename if is_tiff else TO_TIFF
            raise MitofmError(f"{path}: this file is no slide that OpenSlide knows. {way}") from error
        except Exception as error:
            raise _failed(path, error) from error
        said = self._file.properties
        self.width, self.height = self._file.dimensions
        self.mpp = resolution.require_square(path, *resolution.parse_properties(said))
        self.tile_width = int(said.get("openslide.level[0].tile-width", _BLOCK))
        self.tile_height = int(said.get("openslide.level[0].tile-height", _BLOCK))
        refuse_bomb(path, self.tile_width, self.tile_height)  # GLib, which OpenSlide asks for memory, ends the process
        self._background = np.frombuffer(bytes.fromhex(said.get("openslide.background-color", "FFFFFF")), np.uint8)

    def tile(self, row: int, column: int) -> np.ndarray:
        """The tile, in the slide's background colour where nothing was scanned."""
        left, top = column * self.tile_width, row * self.tile_height
        size = (min(self.tile_width, self.width - left), min(self.tile_height, self.height - top))
        try:
            pixels = np.asarray(self._file.read_region((left, top), 0, size))
        except Exception as error:
            raise _failed(self.path, f"tile {row}, {column}: {error}") from error
        transparent = pixels[..., 3] < 255
        if not transparent.any():
            return pixels[..., :3]
        filled = pixels[..., :3].copy()
        filled[transparent] = self._background
        return filled


def _failed(path: Path, error: object) -> MitofmError:
    if "nsupported" in str(error):  # of a compression, say
        return MitofmError(f"{path}: this slide cannot be read by OpenSlide ({error}). {TO_TIFF}")
    return damaged(path, error)
