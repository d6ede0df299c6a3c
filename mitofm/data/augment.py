"""Augmentation by albumentations, seeded per (step, sample, transform), and the centre cut that removes the margin."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mitofm.ground.config import instantiate
from mitofm.ground.seeds import derive

Place = tuple[int, ...]  # (1, 0): the first of those inside the second of the list


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
            self._placed = list(_walk(steps[:-1]))

    def __call__(self, patch: np.ndarray, seed: int) -> np.ndarray:
        """One augmented patch: uint8 (S, S, 3) -> (crop_px, crop_px, 3); the same seed gives the same patch."""
        if self._compose is None:
            return cut_centre(patch, self._crop_px)
        # A seeded Compose of albumentations 2.0.8 gives all transforms one seed: transforms of equal probability would
        # always fire together. The first keeps the seed, so that lists of one transform draw as in mitofm 0.1.
        for place, transform in self._placed:
            own = (seed if place == (0,) else derive(seed, *place)) % 2**32
            transform.set_random_state(np.random.default_rng(own), random.Random(own))
        return self._compose(image=patch)["image"]


def _walk(transforms: Sequence[Any], within: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every transform with its place. Those inside others (`OneOf`) come later than these, which seed them too."""
    from albumentations import BaseCompose

    for number, transform in enumerate(transforms):
        place = (*within, number)
        yield place, transform
        if isinstance(transform, BaseCompose):  # others too call something of theirs `transforms`
            yield from _walk(transform.transforms, place)


def cut_centre(patches: np.ndarray, crop_px: int) -> np.ndarray:
    """The central square of patches: (..., S, S, 3) -> (..., crop_px, crop_px, 3)."""
    margin = (patches.shape[-2] - crop_px) // 2
    return patches[..., margin : margin + crop_px, margin : margin + crop_px, :]
