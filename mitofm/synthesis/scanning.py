"""From absorbed light to the image a scanner records: stain, optics, white balance, sensor. (JPEG: when it is written.)"""

from __future__ import annotations

import cv2
import numpy as np

from mitofm.synthesis.domains import Domain, Scanner, normalize
from mitofm.synthesis.shapes import draw_noise

ABSORBERS = ("haematoxylin", "eosin", "melanin", "blood")  # what light meets in tissue
_MELANIN, _BLOOD = (0.50, 0.58, 0.64), (0.12, 0.80, 0.58)
_DEFOCUS = 1.8  # px: further spread where the slide is out of focus


def scan(rng: np.random.Generator, domain: Domain, scanner: Scanner, absorbed: np.ndarray) -> np.ndarray:
    """The image (side, side, 3) uint8 of what is `absorbed`, (4, side, side) in optical density, by ABSORBERS."""
    side = absorbed.shape[1]
    vectors = normalize(np.array([domain.haematoxylin, domain.eosin, _MELANIN, _BLOOD]))
    vectors[:2] *= np.array(domain.strength)[:, None]
    amounts = cv2.merge(list(absorbed))
    light = cv2.GaussianBlur(transmit(amounts, vectors, np.array(scanner.white)), (0, 0), scanner.blur)
    far = cv2.resize(np.maximum(draw_noise(rng, (side // 8, side // 8), 34.0) - 0.8, 0).clip(0, 0.8), (side, side))
    light += far[..., None] * (cv2.GaussianBlur(light, (0, 0), _DEFOCUS) - light)
    if scanner.gamma != 1:
        light = 255 * cv2.pow(light / 255, scanner.gamma)
    light = light + np.float32(scanner.noise) * rng.standard_normal(light.shape, np.float32)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def transmit(amounts: np.ndarray, vectors: np.ndarray, white: np.ndarray) -> np.ndarray:
    """The light that passes through stained tissue, I0 * 10^-(amounts @ vectors): (..., 3) float32 in 0..255.

    Stain vectors are in optical density (Ruifrok & Johnston, Anal Quant Cytol Histol 2001;23:291).

    Args:
        amounts: (..., stains) of each stain, in optical density.
        vectors: (stains, 3) optical density of one unit of each stain in red, green and blue.
        white: (3,) what the scanner records where there is no tissue, in 0..255.
    """
    density = amounts.astype(np.float32) @ vectors.astype(np.float32)
    return white.astype(np.float32) * np.exp(density * np.float32(-np.log(10)))
