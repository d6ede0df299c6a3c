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
    coarse = EXPONENTS[_find_best(EXPONENTS[None], labels, errors, precision)]
    apart = EXPONENTS[1] / EXPONENTS[0]
    around = np.geomspace(coarse / apart, coarse * apart, 2 * _FINER + 1, axis=1).clip(EXPONENTS[0], EXPONENTS[-1])
    best = around[np.arange(len(errors)), _find_best(around, labels, errors, precision)]
    terms = _Terms.of(best[:, None], labels, errors, precision)
    a, c = terms.solve()
    return ScalingLaw(a[:, 0] * terms.scale**best, best, c[:, 0])


@dataclass(frozen=True)
class _Terms:
    """The sums of which least squares are made, for R rows of errors and E exponents: weighted means over the amounts.

    Attributes:
        scale: labels are divided by it, which keeps a of the size of the errors whatever b is.
        x_mean: (R or 1, E) of x = labels**-b.
        x_square: of its square.
        x_variance: its variance.
        shared: (R, E) the covariance of x and the errors.
        product: of both.
        e_mean: (R, 1) of the errors.
        e_variance: their variance.
    """

    scale: float
    x_mean: np.ndarray
    x_square: np.ndarray
    x_variance: np.ndarray
    shared: np.ndarray
    product: np.ndarray
    e_mean: np.ndarray
    e_variance: np.ndarray

    @classmethod
    def of(cls, exponents: np.ndarray, labels: np.ndarray, errors: np.ndarray, precision: np.ndarray) -> _Terms:
        scale = float(np.exp(np.log(labels).mean()))
        weights = precision / precision.sum()
        x = np.exp(-exponents[..., None] * np.log(labels / scale))
        x_mean, e_mean = x @ weights, (errors @ weights)[:, None]
        centred = x - x_mean[..., None]
        weighted = errors * weights
        if len(exponents) == 1:
            shared, product = weighted @ centred[0].T, weighted @ x[0].T
        else:
            shared, product = (np.einsum("rek,rk->re", one, weighted) for one in (centred, x))
        e_variance = ((errors - e_mean) ** 2 @ weights)[:, None]
        return cls(scale, x_mean, x**2 @ weights, centred**2 @ weights, shared, product, e_mean, e_variance)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """(R, E) a and c, neither under 0."""
        slope = self.shared / self.x_variance
        asymptote = self.e_mean - slope * self.x_mean
        a = np.where(slope < 0, 0.0, np.where(asymptote < 0, self.product / self.x_square, slope))
        return a, np.where(slope < 0, self.e_mean, np.maximum(asymptote, 0.0))


def _find_best(exponents: np.ndarray, labels: np.ndarray, errors: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """(R,) the place of the best of the exponents, (R, E) or (1, E) for all rows: of the least sum of squares, the first."""
    terms = _Terms.of(exponents, labels, errors, precision)
    falls = terms.shared >= 0
    below = terms.e_mean * terms.x_variance < terms.shared * terms.x_mean  # the asymptote would be under 0
    gained = np.where(falls, terms.shared**2 / terms.x_variance, 0.0)
    through_zero = terms.product**2 / terms.x_square - terms.e_mean**2
    return np.where(falls & below, through_zero, gained).argmax(axis=1)
