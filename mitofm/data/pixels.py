"""A look at pixels before anything is split: which crops are padded at the border, which samples show the same cell."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data.images.base import Image
from mitofm.data.images.open import open_image
from mitofm.data.images.squares import cut_squares

_WINDOW = 32  # px: a nucleus; crops of any side that were cut around one position agree in it
NOTHING = ""  # the digest of a window of one colour: it is no evidence that two samples show the same cell


def digest_samples(root: Path, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """A digest of the pixels around each sample's centre (N,), and whether its crop is padded (N,).

    Every pre-cut crop is decoded once. Whole images are opened only if they hold a sample at the very position of a sample in
    another image: no others can be equal, unless somebody has cut one out of the other. MitofmError if one cannot be decoded.
    """
    if "crop" in table:
        files = list(dict.fromkeys(table["crop"]))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = dict(zip(files, pool.map(_look_at_crop, [root / file for file in files]), strict=True))
        looks = [found[file] for file in table["crop"]]
        return pd.Series([look[0] for look in looks], table.index), pd.Series([look[1] for look in looks], table.index)
    digest = pd.Series(NOTHING, index=table.index, dtype=object)
    for image, rows in _find_candidates(table).items():
        with open_image(root / image) as opened:
            windows = cut_squares(opened, table.loc[rows, ["x", "y"]].to_numpy(), _WINDOW)
        digest.loc[rows] = [_digest(window) for window in windows]
    return digest, pd.Series(False, index=table.index)


def _find_candidates(table: pd.DataFrame) -> Mapping[str, Iterable[int]]:
    """Rows, by image, whose position (whole px) a sample of another image has too."""
    at = table[["x", "y"]].apply(np.floor).assign(image=table["image"])
    several = at.groupby(["x", "y"])["image"].transform("nunique") > 1
    return table[several].groupby("image").groups


def _look_at_crop(path: Path) -> tuple[str, bool]:
    with open_image(path) as image:
        pixels = _read_whole(image)
    middle = tuple(slice(max(0, side // 2 - _WINDOW // 2), side // 2 + _WINDOW // 2) for side in pixels.shape[:2])
    return _digest(pixels[middle]), is_padded(pixels)


def _read_whole(image: Image) -> np.ndarray:
    """All pixels of an image: (height, width, 3) uint8."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for row, top in enumerate(range(0, image.height, image.tile_height)):
        for column, left in enumerate(range(0, image.width, image.tile_width)):
            part = pixels[top : top + image.tile_height, left : left + image.tile_width]
            part[:] = image.tile(row, column)[: part.shape[0], : part.shape[1], :3]
    return pixels


def is_padded(pixels: np.ndarray) -> bool:
    """Whether a row or column at the border of a crop (h, w, 3) uint8 is wholly black or wholly white."""
    return any(
        bool((edge == tone).all()) for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]) for tone in (0, 255)
    )


def _digest(window: np.ndarray) -> str:
    return NOTHING if (window == window[0, 0]).all() else hashlib.sha256(window.tobytes()).hexdigest()[:32]
