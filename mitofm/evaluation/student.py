"""The distribution function of Student's t at thousands of places for few numbers of degrees of freedom, ten times as fast."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, stdtr

_STEP, _COUNT, _TERMS = 0.1, 161, 10
_NODES = -np.sinh(_STEP * np.arange(_COUNT))
"""Between them the distribution is its Taylor series from the nearest one, to 1e-12."""


class Chances:
    """Of each of D numbers of degrees of freedom."""

    def __init__(self, degrees: np.ndarray) -> None:
        """Take `degrees` (D,), at least 1."""
        own = degrees[:, None]
        square = own + _NODES**2
        log_density = gammaln((own + 1) / 2) - gammaln(own / 2) - np.log(own * np.pi) / 2
        # The density f has (v + t^2) f' = -(v + 1) t f, of which each term of the series follows from the two before.
        before, term = np.zeros_like(square), np.exp(log_density - (own + 1) / 2 * np.log(square / own))
        series = [stdtr(own, _NODES), term]
        for k in range(_TERMS - 2):
            following = -((2 * k + own + 1) * _NODES * term + (k + own) * before) / (square * (k + 1))
            before, term = term, following
            series.append(term / (k + 2))
        self._series = [each.ravel() for each in series]

    def accumulate(self, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(d, N) the chances of at most `at` (d, N), for the degrees of some rows (d,)."""
        away = np.minimum(np.abs(at), -_NODES[-1])
        node = np.rint(np.arcsinh(away) / _STEP).astype(np.intp)
        apart = -away - _NODES[node]
        node += rows[:, None] * _COUNT
        chance = self._series[-1].take(node)
        for terms in self._series[-2::-1]:
            chance *= apart
            chance += terms.take(node)
        return np.where(at > 0, 1 - chance, chance)
