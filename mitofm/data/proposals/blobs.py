"""Places in tissue that a mitotic figure may be: dark blobs of haematoxylin, tuned for recall.

Stains are separated in optical density (Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291). Condensed chromatin is the
darkest that haematoxylin gets, so its amount is raised to the third power, and blobs of the size of a figure's chromatin are
the maxima of a difference of Gaussians, which approximates the Laplacian (Lindeberg 1998, Int J Comput Vis 30:79). Of these the
highest are kept, as many as a stated number per square millimetre of tissue: how dark a blob must be follows the stain of
each field.

The constants were chosen on synthetic tissue of the seeds 0 and 11 (3 slides of each domain, 96 annotated cells each).
"""

from __future__ import annotations

import cv2
import numpy as np

from mitofm.data.stain_vectors import measure_haematoxylin

MPP = 0.5
"""Micrometre per px at which blobs are looked for: recall is that of 0.25, at a fifth of the time."""
_POWER = 3
_SIGMA_UM, _RATIO = 1.25, 1.6  # of the narrower Gaussian; of the wider to it, as the Laplacian is approximated best
_APART_UM = 4.0  # no two proposals are nearer: half of the size of a nucleus
_LEAST = 1e-3  # of a blob's height: what is flat but for rounding has none
REACH_UM = 4 * _SIGMA_UM * _RATIO + _APART_UM
"""How far around a pixel others matter to whether it is a proposal."""


def propose(pixels: np.ndarray, mpp: float) -> tuple[np.ndarray, np.ndarray]:
    """Every blob in `pixels` (H, W, 3), uint8 RGB of `mpp` micrometre: x and y in px of them (n, 2), and its height (n,).

    The highest come first; of equal ones those further up, then left.
    """
    width, height = (max(1, round(side * mpp / MPP)) for side in (pixels.shape[1], pixels.shape[0]))
    way = cv2.INTER_AREA if mpp < MPP else cv2.INTER_LINEAR
    seen = pixels if (width, height) == pixels.shape[1::-1] else cv2.resize(pixels, (width, height), interpolation=way)
    heights = _filter(seen)
    reach = round(_APART_UM / MPP)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    rows, columns = np.nonzero((cv2.dilate(heights, disc) == heights) & (heights > _LEAST))
    found = heights[rows, columns]
    order = np.lexsort((columns, rows, -found))
    scale = np.array([pixels.shape[1] / width, pixels.shape[0] / height])
    places = (np.stack([columns, rows], axis=1)[order] + 0.5) * scale - 0.5
    return places, found[order].astype(np.float64)


def _filter(pixels: np.ndarray) -> np.ndarray:
    """The difference of Gaussians of the haematoxylin, float32 (H, W)."""
    haematoxylin = np.maximum(measure_haematoxylin(pixels), 0) ** _POWER
    narrow = _SIGMA_UM / MPP
    return cv2.GaussianBlur(haematoxylin, (0, 0), narrow) - cv2.GaussianBlur(haematoxylin, (0, 0), _RATIO * narrow)
