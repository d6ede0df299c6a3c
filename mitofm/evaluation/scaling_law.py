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
_AT_ONCE = 128  # rows whose numbers stay in the processor's own memory
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
    portions = np.array_split(errors, 1 + len(errors) // _AT_ONCE)
    laws = [_fit(labels, portion, precision) for portion in portions]
    return ScalingLaw(*(np.concatenate([getattr(law, name) for law in laws]) for name in "abc"))


def _fit(labels: np.ndarray, errors: np.ndarray, precision: np.ndarray) -> ScalingLaw:
    coarse = _best(EXPONENTS[None], labels, errors, precision)
    apart = EXPONENTS[1] / EXPONENTS[0]
    around = np.geomspace(coarse.b / apart, coarse.b * apart, 2 * _FINER + 1, axis=1)
    return _best(around.clip(EXPONENTS[0], EXPONENTS[-1]), labels, errors, precision)


def _best(exponents: np.ndarray, labels: np.ndarray, errors: np.ndarray, precision: np.ndarray) -> ScalingLaw:
    """The best law of each row of `errors` among `exponents`: (R, E), or (1, E) for all rows."""
    scale = float(np.exp(np.log(labels).mean()))  # keeps a of the size of the errors whatever b is
    x = (labels / scale) ** -exponents[..., None]  # (R or 1, exponents, K)
    weights = precision / precision.sum()
    x_mean, e_mean = x @ weights, (errors @ weights)[:, None]
    apart = x - x_mean[..., None]
    weighted = (errors * weights)[:, :, None]
    slope = (apart @ weighted)[..., 0] / (apart**2 @ weights)
    through_zero = (x @ weighted)[..., 0] / (x**2 @ weights)
    asymptote = e_mean - slope * x_mean
    a = np.where(slope < 0, 0.0, np.where(asymptote < 0, through_zero, slope))  # (R, exponents)
    c = np.where(slope < 0, e_mean, np.maximum(asymptote, 0.0))
    residual = a[..., None] * x + c[..., None] - errors[:, None]
    best = (residual**2 @ weights).argmin(axis=1)
    rows = np.arange(len(errors))
    b = np.broadcast_to(exponents, a.shape)[rows, best]
    return ScalingLaw(a[rows, best] * scale**b, b, c[rows, best])
