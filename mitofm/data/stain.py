"""Jitter of the stains: an albumentations transform that mitofm adds."""

from __future__ import annotations

from typing import Any

import albumentations
import numpy as np

from mitofm.data.stain_vectors import DENSITY, STAINS


class StainJitter(albumentations.ImageOnlyTransform):
    """Scales and shifts the amounts of haematoxylin, eosin and the rest (Tellez et al. 2018, arXiv 1808.05896).

    Albumentations' own HEStain puts every pixel on the plane of two stains first, which changes colours where nothing
    is jittered; here no jitter changes nothing.

    Args:
        scale: largest relative change of an amount.
        shift: largest change of an amount, in optical density.
        p: probability with which it is applied.
    """

    def __init__(self, scale: float = 0.2, shift: float = 0.02, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.scale = scale
        self.shift = shift

    def get_params(self) -> dict[str, Any]:
        """A scale and a shift for each stain."""
        return {
            "scales": self.random_generator.uniform(1 - self.scale, 1 + self.scale, 3).astype(np.float32),
            "shifts": self.random_generator.uniform(-self.shift, self.shift, 3).astype(np.float32),
        }

    def apply(self, img: np.ndarray, scales: np.ndarray, shifts: np.ndarray, **_: Any) -> np.ndarray:
        """uint8 (H, W, 3) -> the same."""
        mixing = np.linalg.inv(STAINS) @ (scales[:, None] * STAINS)
        density = DENSITY[img] @ mixing + shifts @ STAINS
        return np.clip(np.rint(255 * np.exp2(density * np.float32(-np.log2(10)))), 0, 255).astype(np.uint8)
