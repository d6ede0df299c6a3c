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
        differentiate: of values the derivative of that.
        prepare: of means on the scale, what `part` takes of them.
        part: of that, and of differences of two values with these means, how far apart the two are on the scale.
    """

    name: str
    transform: Callable[[Any], Any]
    differentiate: Callable[[Any], Any]
    prepare: Callable[[np.ndarray], np.ndarray]
    part: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _differentiate_log_odds(value: Any) -> Any:
    return 1 / (value * (1 - value))


def _transform_to_arcsine(value: np.ndarray) -> np.ndarray:
    return np.arcsin(np.sqrt(value))


def _differentiate_arcsine(value: Any) -> Any:
    return 0.5 / np.sqrt(value * (1 - value))


def _prepare_log_odds(means: np.ndarray) -> np.ndarray:
    return np.cosh(np.clip(means, -300, 300))


def _part_log_odds(factors: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """The root of a quadratic equation: two logistic curves are apart by sinh(d / 2) / (cosh(d / 2) + cosh(mean))."""
    size = np.abs(difference)
    product = size * factors
    with np.errstate(divide="ignore"):
        # Of two forms of one root, the one that subtracts nothing of the same size.
        over = (product + np.sqrt(product**2 + (1 - size**2))) / (1 - size)
    return np.copysign(2 * np.log(over), difference)


def _prepare_arcsines(means: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.clip(means, _ACCURACY, np.pi / 2 - _ACCURACY))


def _part_arcsines(most: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Two squared sines are apart by sin(2 mean) sin(d): endless if that cannot be had with this mean."""
    ratio = difference / most
    return np.where(np.abs(ratio) < 1, np.arcsin(np.clip(ratio, -1, 1)), np.copysign(np.inf, difference))


LOG_ODDS = Scale("log-odds", logit, _differentiate_log_odds, _prepare_log_odds, _part_log_odds)
ARCSINES = Scale(
    "arcsine of the square root", _transform_to_arcsine, _differentiate_arcsine, _prepare_arcsines, _part_arcsines
)
