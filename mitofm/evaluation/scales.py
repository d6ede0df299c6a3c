"""Scales on which a value between 0 and 1, such as an AUROC, is about normal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

_ACCURACY = 1e-12


@dataclass(frozen=True)
class Scale:
    """A transform of values in (0, 1).

    Attributes:
        name: of the scale.
        transform: of values.
        differentiate: of a value the derivative of that.
        part: of means (n,) on the scale, a function of a difference of two values: how far apart (n,) these are on the scale.
    """

    name: str
    transform: Callable[[Any], Any]
    differentiate: Callable[[float], float]
    part: Callable[[np.ndarray], Callable[[float], np.ndarray]]


def _differentiate_log_odds(value: float) -> float:
    return 1 / (value * (1 - value))


def _transform_to_arcsine(value: np.ndarray) -> np.ndarray:
    return np.arcsin(np.sqrt(value))


def _differentiate_arcsine(value: float) -> float:
    return 0.5 / np.sqrt(value * (1 - value))


def _part_log_odds(means: np.ndarray) -> Callable[[float], np.ndarray]:
    """The root of a quadratic equation: two logistic curves are apart by sinh(d / 2) / (cosh(d / 2) + cosh(mean))."""
    factors = np.cosh(np.clip(means, -300, 300))

    def part(difference: float) -> np.ndarray:
        product = difference * factors
        root = np.sqrt(product**2 + 1 - difference**2)
        with np.errstate(divide="ignore"):
            # Of two forms of one root, the one that subtracts nothing of the same size.
            over = (product + root) / (1 - difference) if difference >= 0 else (1 + difference) / (root - product)
            return 2 * np.log(over)

    return part


def _part_arcsines(means: np.ndarray) -> Callable[[float], np.ndarray]:
    """Two squared sines are apart by sin(2 mean) sin(d): endless if that cannot be had with this mean."""
    most = np.sin(2 * np.clip(means, _ACCURACY, np.pi / 2 - _ACCURACY))

    def part(difference: float) -> np.ndarray:
        inside = np.arcsin(np.clip(difference / most, -1, 1))
        return np.where(abs(difference) < most, inside, np.copysign(np.inf, difference))

    return part


LOG_ODDS = Scale("log-odds", logit, _differentiate_log_odds, _part_log_odds)
ARCSINES = Scale("arcsine of the square root", _transform_to_arcsine, _differentiate_arcsine, _part_arcsines)
