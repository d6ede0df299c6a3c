"""L2-regularised logistic regression, run to a proven distance from its solution, along a path of penalties.

In scikit-learn's scaling: minimise f(w, b) = |w|²/2 + C Σ_i s_i (log(1 + exp(z_i)) − y_i z_i), z_i = x_i·w + b. A target y_i
between 0 and 1 is the same as sample i twice, positive with weight y_i s_i and negative with (1 − y_i) s_i. Its Hessian is
at least the identity in w, so a gradient of norm g proves that w is no further than g from the solution (with b at its best).

Newton's method (line search and forcing terms after Nocedal and Wright 2006, chapter 7). Its systems are solved by
conjugate gradients, preconditioned with the Hessian at w = 0: one cross product of the features serves every C, and a
step costs a few passes over the samples, however much the features are correlated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit

_NOISE = 1e-12  # of a loss: the digits that the order of a sum decides


class Solution(NamedTuple):
    """What the regression converged to: `gradient_norm`, that of f in the end, bounds the distance to the solution."""

    weight: np.ndarray  # float64 (D,)
    bias: float
    gradient_norm: float


def fit_path(
    design: np.ndarray, targets: np.ndarray, weights: np.ndarray, cs: Sequence[float], tolerance: float, max_iter: int
) -> Iterator[Solution]:
    """The solution for every C, each started from the one before: ascending Cs are the quickest.

    Args:
        design: float64 (n, D + 1): the features and a last column of ones, whose weight is the unpenalised offset.
        targets: float64 (n,), y_i from 0 to 1; not all 0 and not all 1.
        weights: float64 (n,), s_i.
        cs: values of C.
        tolerance: gradient norm at which to stop.
        max_iter: Newton steps per C.
    """
    n, columns = design.shape
    basis = None
    if n < columns - 1:  # the solution lies in the span of the samples: n coordinates are enough
        basis, spanned = np.linalg.qr(design[:, :-1].T)
        design = np.column_stack([spanned.T, design[:, -1]])
    scaled = design * np.sqrt(weights / 4)[:, None]
    gram = scaled.T @ scaled
    at = np.zeros(design.shape[1])
    for c in cs:
        at, norm = _minimise(design, targets, c * weights, c * gram, at, tolerance, max_iter)
        yield Solution(at[:-1] if basis is None else basis @ at[:-1], float(at[-1]), norm)


def _minimise(
    design: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    curvature: np.ndarray,
    at: np.ndarray,
    tolerance: float,
    max_iter: int,
) -> tuple[np.ndarray, float]:
    """The minimum of f from `at`, and the norm of the gradient there; `curvature` is that of the losses at w = 0."""

    def value(point: np.ndarray, margins: np.ndarray) -> float:
        return float(weights @ (np.logaddexp(0, margins) - targets * margins) + (penalty * point) @ point / 2)

    size = len(at)
    penalty = np.append(np.ones(size - 1), 0.0)
    curvature[np.diag_indices(size)] += penalty
    factor = cho_factor(curvature, lower=True, overwrite_a=True)
    preconditioner = LinearOperator((size, size), lambda residual: cho_solve(factor, residual))
    margins = design @ at
    for step in range(max_iter + 1):
        probabilities = expit(margins)
        gradient = design.T @ (weights * (probabilities - targets)) + penalty * at
        norm = float(np.linalg.norm(gradient))
        if norm <= tolerance or step == max_iter:
            break
        spread = weights * probabilities * (1 - probabilities)
        hessian = LinearOperator(
            (size, size), lambda x, spread=spread: design.T @ (spread * (design @ x)) + penalty * x
        )
        direction, _ = cg(hessian, -gradient, rtol=min(0.1, norm**0.5), M=preconditioner)
        along, length = design @ direction, 1.0
        now, slope = value(at, margins), 1e-4 * (gradient @ direction)
        highest = now + _NOISE * abs(now)
        while value(at + length * direction, margins + length * along) > highest + length * slope:
            length /= 2
        at, margins = at + length * direction, margins + length * along
    return at, norm
