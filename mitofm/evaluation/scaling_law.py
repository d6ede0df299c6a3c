"""How error falls with labels: err = a n^-b + c.

The power law of learning curves with an asymptote (Cortes et al. 1993, Learning Curves: Asymptotic Values and Rate of
Convergence, NeurIPS 6). Weighted least squares with a, c >= 0: for each of a grid of exponents b the best a and c have
a closed form, and the best b is taken, then the best of a finer grid around it. No start value, nothing that fails to
converge, and many bootstrap draws at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.geomspace(0.05, 3.0, 200)
_AT_ONCE = 64  # rows whose numbers stay in the processor's own memory
_FINER = 25  # parts into which the grid is divided around the best exponent
MINIMUM_AMOUNTS = 4
"""Fewer amounts of labels cannot tell three parameters."""


@dataclass(frozen=True)
class ScalingLaw:
    """One law, or one for each of R draws: `a`, `b` and `c` have the shape (R,)."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def error(self, labels: float) -> np.ndarray:
        """(R,) error with `labels` labels."""
        return self.a * labels**-self.b + self.c

    def labels_for(self, error: float) -> np.ndarray:
        """(R,) labels needed to reach `error`: infinite if the asymptote lies above, 0 if none are needed."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            found = (self.a / np.maximum(error - self.c, 0.0)) ** (1 / self.b)
        return np.where(error > self.c, found, np.inf)


def fit(labels: np.ndarray, errors: np.ndarray, precision: np.ndarray) -> ScalingLaw:
    """The law of least squares for each row of `errors`.

    Args:
        labels: (K,) how many labels, K >= 4.
        errors: (R, K) the error with as many, in [0, 1].
        precision: (K,) weights, inverse variances of the errors.
    """
    scale = float(np.exp(np.log(labels).mean()))  # labels are divided by it, which keeps a of the size of the errors
    logs, weights = np.log(labels / scale), precision / precision.sum()
    weighted, means = errors * weights, errors @ weights
    coarse = _Grid.of(EXPONENTS[None], logs, weights).find_best(weighted, means, np.zeros(len(errors), dtype=int))
    places, own = np.unique(coarse, return_inverse=True)  # rows of one place share their finer grid
    apart = EXPONENTS[1] / EXPONENTS[0]
    finer = np.geomspace(EXPONENTS[places] / apart, EXPONENTS[places] * apart, 2 * _FINER + 1, axis=1)
    finer = finer.clip(EXPONENTS[0], EXPONENTS[-1])
    best = finer[own, _Grid.of(finer, logs, weights).find_best(weighted, means, own)]
    a, c = _solve(best, logs, weights, weighted, means)
    return ScalingLaw(a * scale**best, best, c)


def _solve(
    exponents: np.ndarray, logs: np.ndarray, weights: np.ndarray, weighted: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(R,) a and c of the exponent of each row, neither under 0."""
    x = np.exp(-exponents[:, None] * logs)
    x_mean = x @ weights
    centred = x - x_mean[:, None]
    slope = (centred * weighted).sum(axis=1) / (centred**2 @ weights)
    asymptote = means - slope * x_mean
    through_zero = (x * weighted).sum(axis=1) / (x**2 @ weights)
    a = np.where(slope < 0, 0.0, np.where(asymptote < 0, through_zero, slope))
    return a, np.where(slope < 0, means, np.maximum(asymptote, 0.0))


@dataclass(frozen=True)
class _Grid:
    """E exponents in each of G rows, and what least squares gain with them, all by products with weighted errors.

    Attributes:
        slopes: (G, K, E) of x = labels**-b, centred and of unit length.
        through_zero: (G, K, E) of x of unit length.
        reach: (G, E) the asymptote is under 0 if the slope times this is more than the mean of the errors.
    """

    slopes: np.ndarray
    through_zero: np.ndarray
    reach: np.ndarray

    @classmethod
    def of(cls, exponents: np.ndarray, logs: np.ndarray, weights: np.ndarray) -> _Grid:
        x = np.exp(-exponents[:, None, :] * logs[:, None])
        x_mean = np.einsum("gke,k->ge", x, weights)
        centred = x - x_mean[:, None]
        length = np.sqrt(np.einsum("gke,k->ge", centred**2, weights))
        square = np.sqrt(np.einsum("gke,k->ge", x**2, weights))
        return cls(centred / length[:, None], x / square[:, None], x_mean / length)

    def find_best(self, weighted: np.ndarray, means: np.ndarray, own: np.ndarray) -> np.ndarray:
        """(R,) the place of the exponent of the least sum of squares, the first, in the row `own` (R,) of each row of errors.

        Args:
            weighted: (R, K) errors times weights.
            means: (R,) their sums.
        """
        portions = np.array_split(np.arange(len(means)), 1 + len(means) // _AT_ONCE)
        return np.concatenate([self._find(weighted[rows], means[rows, None], own[rows]) for rows in portions])

    def _find(self, weighted: np.ndarray, means: np.ndarray, own: np.ndarray) -> np.ndarray:
        if len(self.reach) == 1:
            gained, through_zero, reach = weighted @ self.slopes[0], weighted @ self.through_zero[0], self.reach
        else:
            parts = self.slopes[own], self.through_zero[own]
            gained, through_zero = (np.einsum("rk,rke->re", weighted, part) for part in parts)
            reach = self.reach[own]
        np.maximum(gained, 0.0, out=gained)
        below = gained * reach > means
        gained *= gained
        through_zero *= through_zero
        through_zero -= means**2
        np.copyto(gained, through_zero, where=below)
        return gained.argmax(axis=1)
