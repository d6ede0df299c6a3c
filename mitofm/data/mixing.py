"""Mixing of training samples: mixup (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899)."""

from __future__ import annotations

import math

import numpy as np

from mitofm.ground.seeds import stream


class Mix:
    """Mixes every sample of a batch with another one, in one proportion per batch, and one way per batch if both are on.

    Args:
        mixup: alpha of the Beta(alpha, alpha) from which mixup's proportion is drawn; 0 is no mixup.
        cutmix: the same for CutMix.
    """

    def __init__(self, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        self._ways = [(way, alpha) for way, alpha in ((_blend, mixup), (_paste, cutmix)) if alpha > 0]

    @property
    def on(self) -> bool:
        """Whether anything is mixed."""
        return bool(self._ways)

    def __call__(
        self, patches: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mixed batch; the same seed gives the same.

        The loss is that of both labels, weighted by their share and their weight: cross-entropy is linear in the label,
        so one soft label and one weight say it.

        Args:
            patches: uint8 (B, H, W, 3).
            labels: float32 (B,), from 0 to 1.
            weights: float32 (B,), of the samples in the loss.
        """
        if not self.on:
            return patches, labels, weights
        rng = stream(seed)
        way, alpha = self._ways[rng.integers(len(self._ways))]
        partner = rng.permutation(len(patches))
        mixed, share = way(patches, patches[partner], rng.beta(alpha, alpha), rng)
        own, other = np.float32(share) * weights, np.float32(1 - share) * weights[partner]
        return mixed, (own * labels + other * labels[partner]) / (own + other), own + other


def _blend(patches: np.ndarray, others: np.ndarray, share: float, _: np.random.Generator) -> tuple[np.ndarray, float]:
    """Mixup: the weighted mean of both patches, and the share of the first."""
    return np.rint(share * patches + (1 - share) * others).astype(np.uint8), share


def _paste(patches: np.ndarray, others: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """CutMix: a rectangle of the others, of area 1 - `share` but for what hangs over, and the share that is left."""
    sides = patches.shape[1:3]
    top, left = (int(rng.integers(side)) for side in sides)
    half = math.sqrt(1 - share) / 2
    (y0, y1), (x0, x1) = (
        (max(0, round(centre - half * side)), min(side, round(centre + half * side)))
        for centre, side in zip((top, left), sides, strict=True)
    )
    mixed = patches.copy()
    mixed[:, y0:y1, x0:x1] = others[:, y0:y1, x0:x1]
    return mixed, 1 - (y1 - y0) * (x1 - x0) / math.prod(sides)
