"""Where a slide holds tissue, on a small picture of it."""

from __future__ import annotations

import cv2
import numpy as np

from mitofm.data.stain_vectors import DENSITY

PIXEL_UM = 8.0
"""About so many micrometres are one pixel of the small picture."""
_LEAST_DENSITY = 0.08  # optical density in green, which both stains absorb most: of 255, grey 212
_CLOSED_UM = 40.0  # gaps as wide as a cleft, a lumen or a capillary are part of the tissue
_LEAST_MM2 = 0.005  # a smaller piece is dust


def choose_step(mpp: float) -> int:
    """How many px of an image of `mpp` micrometre are one of its small picture, along each side."""
    return max(1, round(PIXEL_UM / mpp))


def shrink(pixels: np.ndarray, step: int) -> np.ndarray:
    """The small picture of `pixels` (H, W, 3) uint8: means over `step` x `step` px, at the far borders over what there is."""
    rows, columns = (-(-side // step) for side in pixels.shape[:2])
    padded = cv2.copyMakeBorder(
        pixels, 0, rows * step - pixels.shape[0], 0, columns * step - pixels.shape[1], cv2.BORDER_REPLICATE
    )
    return cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)


def is_stained(small: np.ndarray) -> np.ndarray:
    """Whether each pixel of a small picture (h, w, 3) is darker than glass: bool (h, w)."""
    return DENSITY[small[..., 1]] > _LEAST_DENSITY


def find_tissue(small: np.ndarray, pixel_um: float) -> np.ndarray:
    """The tissue of a small picture (h, w, 3), uint8, of `pixel_um` micrometres per px: bool (h, w)."""
    reach = max(1, round(_CLOSED_UM / 2 / pixel_um))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    stained = is_stained(small).astype(np.uint8)
    # Continued beyond the border, so that closing takes nothing away there.
    padded = cv2.copyMakeBorder(stained, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc)[reach:-reach, reach:-reach]
    _, pieces, found, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(closed), connectivity=8)
    large = found[:, cv2.CC_STAT_AREA] * (pixel_um / 1000) ** 2 >= _LEAST_MM2
    large[0] = False  # what is not tissue
    return large[pieces]
