"""Batches of what a frozen network gives for the dihedral views of patches, in place of the patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mitofm.data.augment import Augment
from mitofm.data.batches import PlainPatches, TrainingPatches
from mitofm.ground.files import map_npy


@dataclass(frozen=True)
class TurnedFeatures:
    """Features of every patch of a store in some views: a file of each, float32 (N, ...), rows as in the store."""

    files: tuple[Path, ...]

    def read(self, rows: np.ndarray, views: Sequence[int]) -> np.ndarray:
        """A copy of the features of these rows, each in its view: (n, ...)."""
        return np.stack([self._arrays[view][row] for row, view in zip(rows, views, strict=True)])

    @cached_property
    def _arrays(self) -> list[np.ndarray]:
        return [np.asarray(map_npy(file)) for file in self.files]

    def __reduce__(self) -> tuple[type[TurnedFeatures], tuple[tuple[Path, ...]]]:
        """Another process opens the files again, instead of being sent all of them."""
        return TurnedFeatures, (self.files,)


class Turns:
    """Tells in which view an augmentation shows a patch, by what it does to `marker`, a patch that has no symmetry.

    Args:
        views: `marker` as each view shows it, at the size that a model sees.
    """

    def __init__(self, augment: Augment, marker: np.ndarray, views: Sequence[np.ndarray]) -> None:
        self._augment, self._marker = augment, marker
        self._views = {shown.tobytes(): view for view, shown in enumerate(views)}

    def __call__(self, seed: int) -> int:
        """The view that this seed draws. KeyError: it does not show the patch in one of the views."""
        return self._views[self._augment(self._marker, seed).tobytes()]


@dataclass(eq=False, kw_only=True)
class TrainingFeatures(TrainingPatches):
    """As `TrainingPatches`, of `features` in the view that the augmentation draws."""

    features: TurnedFeatures
    turns: Turns

    def show(self, rows: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Features of these rows, each turned with its seed."""
        return self.features.read(rows, [self.turns(seed) for seed in seeds])


@dataclass(eq=False, kw_only=True)
class PlainFeatures(PlainPatches):
    """As `PlainPatches`, of `features` in the first view."""

    features: TurnedFeatures

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Features of these rows."""
        return self.features.read(rows, [0] * len(rows))
