"""Image files whose every pixel says where it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tifffile


def field(height: int, width: int) -> np.ndarray:
    """Smooth enough for JPEG to keep it within a few grey levels, different everywhere: (height, width, 3) uint8."""
    coarse = np.random.default_rng(0).integers(30, 226, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def dotted(pixels: np.ndarray, samples: np.ndarray, half: int = 5) -> np.ndarray:
    """`pixels` with a square of its own colour around each sample (n, 2), so that its crop's centre tells which it is."""
    dotted = pixels.copy()
    for i, (x, y) in enumerate(samples):
        dotted[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1] = colour(i)
    return dotted


def colour(i: int) -> tuple[int, int, int]:
    """Of sample `i`: 27 colours at least 60 grey levels apart, in turn."""
    return 40 + 60 * (i % 3), 40 + 60 * (i // 3 % 3), 40 + 60 * (i // 9 % 3)


def jpeg_tiff(path: Path, pixels: np.ndarray, mpp: float | None = None, tile: int = 256) -> None:
    """A MIDOG-like region: tiled, JPEG-compressed, its resolution in the tags."""
    density = {} if mpp is None else {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path, pixels, photometric="rgb", tile=(tile, tile), compression="jpeg", compressionargs={"level": 95}, **density
    )


def svs(path: Path, pixels: np.ndarray, mpp: float) -> None:
    """An Aperio-like pyramid of two levels, tiles of 240 px."""
    height, width = pixels.shape[:2]
    said = f"Aperio Image Library v11.2.1\n{width}x{height} (240x240) JPEG/RGB Q=95|AppMag = 40|MPP = {mpp}"
    options = {"photometric": "rgb", "tile": (240, 240), "compression": "jpeg", "compressionargs": {"level": 95}}
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, description=said, metadata=None, **options)
        writer.write(np.ascontiguousarray(pixels[::4, ::4]), description=said, metadata=None, **options)
