"""Cutting square crops out of image files: 8-bit RGB in PNG, JPEG or TIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mitofm.errors import MitofmError

_TIFF = (".tif", ".tiff")
_OTHERS = (".png", ".jpg", ".jpeg")


def read(path: Path) -> np.ndarray:
    """The image in `path`: (height, width, 3) uint8 RGB. Of a pyramid, level 0. An opaque alpha channel is dropped.

    Raises:
        MitofmError: the file is missing, broken, of another format, or not 8-bit RGB.
    """
    kind = path.suffix.lower()
    if kind not in _TIFF + _OTHERS:
        raise MitofmError(
            f"{path}: images are read from {', '.join(_TIFF + _OTHERS)}, not from {kind or 'a file without ending'!r}"
        )
    if not path.is_file():
        raise MitofmError(f"{path}: this image does not exist")
    try:
        pixels = _read_tiff(path) if kind in _TIFF else _read_other(path)
    except MitofmError:
        raise
    except Exception as error:  # the decoders raise whatever they meet first in a broken file
        raise MitofmError(
            f"{path}: this image cannot be read ({error}). Fetch it again: it may be cut short"
        ) from error
    if pixels.dtype != np.uint8:
        raise MitofmError(f"{path}: this image has {pixels.dtype} pixels; convert it to 8 bit, whose range is known")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise MitofmError(
            f"{path}: this image is not RGB (shape {pixels.shape}); without colour there is no stain to see"
        )
    if pixels.shape[2] == 4 and (pixels[..., 3] < 255).any():
        raise MitofmError(
            f"{path}: this image is partly transparent, so its colours are not defined; flatten it to RGB"
        )
    return np.ascontiguousarray(pixels[..., :3])


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.photometric not in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
            kind = page.photometric
            raise MitofmError(
                f"{path}: this image is not RGB (photometric {kind}); without colour there is no stain to see"
            )
        pixels = page.asarray()
        return np.moveaxis(pixels, 0, -1) if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE else pixels


def _read_other(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA", "P"):
            raise MitofmError(
                f"{path}: this image is not 8-bit RGB (mode {image.mode}); convert it from an original with colour"
            )
        if image.format == "PNG" and _png_depth(path) == 16:
            raise MitofmError(f"{path}: this image has 16 bits per channel; convert it to 8 bit, whose range is known")
        return np.asarray(image.convert("RGBA") if image.mode == "P" else image)


def _png_depth(path: Path) -> int:
    """Bits per channel, byte 24 of a PNG file (its IHDR chunk); Pillow would cut 16 down to 8 without a word."""
    with path.open("rb") as file:
        return file.read(25)[24]


def centre(path: Path, side: int, patch_px: int) -> np.ndarray:
    """The middle `side` px of the pre-cut crop in `path`, resampled to `patch_px`: (patch_px, patch_px, 3) uint8.

    Raises:
        MitofmError: the crop is smaller than `side`, or cannot be read.
    """
    pixels = read(path)
    height, width = pixels.shape[:2]
    if side > min(height, width):
        raise MitofmError(
            f"{path}: this crop is {width} x {height} px, but {side} x {side} px are needed. "
            "Ask for a smaller crop_px or margin_px, or cut larger crops"
        )
    return around(pixels, np.array([[width // 2, height // 2]]), side, patch_px)[0]


def around(pixels: np.ndarray, centres: np.ndarray, side: int, patch_px: int) -> np.ndarray:
    """Squares of `side` px around each of `centres`, resampled to `patch_px`: (n, patch_px, patch_px, 3) uint8.

    The square around (x, y) starts at floor(x) - side // 2. What lies beyond a border is the reflection of the image.

    Args:
        pixels: (height, width, 3) uint8.
        centres: (n, 2) x and y, px.
    """
    start = np.floor(centres).astype(np.int64) - side // 2
    spans = start[..., None] + np.arange(side)
    columns, rows = (_reflected(spans[:, axis], pixels.shape[1 - axis]) for axis in (0, 1))
    squares = pixels[rows[:, :, None], columns[:, None, :]]
    if side == patch_px:
        return squares
    import cv2

    way = cv2.INTER_AREA if side > patch_px else cv2.INTER_CUBIC
    return np.stack([cv2.resize(square, (patch_px, patch_px), interpolation=way) for square in squares])


def _reflected(index: np.ndarray, length: int) -> np.ndarray:
    """`index` folded into 0..length-1 at the borders, the border pixel itself not repeated."""
    period = max(2 * (length - 1), 1)
    index = np.abs(index) % period
    return np.minimum(index, period - index) if length > 1 else np.zeros_like(index)
