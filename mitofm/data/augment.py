"""Augmentation by albumentations, seeded per (step, sample), and the cut from a patch with margin to what the model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mitofm.config import instantiate


class Augment:
    """A list of albumentations, then the centre cut.

    Args:
        transforms: configs of albumentations, in order; empty for none.
        crop_px: side in pixels of what comes out.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any]], crop_px: int) -> None:
        self._compose = None
        self._crop_px = crop_px
        if transforms:
            import cv2

            cv2.setNumThreads(0)  # threads of its own would fight torch's and the loader's processes
            cut = {"_target_": "albumentations.CenterCrop", "height": crop_px, "width": crop_px}
            steps = [instantiate(transform) for transform in (*transforms, cut)]
            self._compose = instantiate({"_target_": "albumentations.Compose"}, transforms=steps)

    def __call__(self, patch: np.ndarray, seed: int) -> np.ndarray:
        """One augmented patch: uint8 (S, S, 3) -> (crop_px, crop_px, 3); the same seed gives the same patch."""
        if self._compose is None:
            return centre(patch, self._crop_px)
        self._compose.set_random_seed(seed % 2**32)
        return self._compose(image=patch)["image"]


def centre(patches: np.ndarray, crop_px: int) -> np.ndarray:
    """The central square of patches: (..., S, S, 3) -> (..., crop_px, crop_px, 3)."""
    margin = (patches.shape[-2] - crop_px) // 2
    return patches[..., margin : margin + crop_px, margin : margin + crop_px, :]
