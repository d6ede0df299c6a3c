"""Balance of classes and domains: the groups that a sampler draws equally often, and what a sample weighs in the loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

SAMPLERS: Mapping[str, list[str]] = {  # the columns whose values, as they occur together, get the same share of a pass
    "natural": [],
    "class": ["label"],
    "domain": ["domain"],
    "class_and_domain": ["label", "domain"],
}

Groups = Mapping[tuple[str, ...], np.ndarray]
"""Positions among the training samples, by the values that the samples of a group share."""


def group_samples(samples: pd.DataFrame, sampler: str) -> Groups:
    """The groups of `sampler` (a key of `SAMPLERS`) among the training samples; one group of all if it balances nothing."""
    values = [samples[column].astype(str) for column in SAMPLERS[sampler]]
    names = pd.Series(list(zip(*values, strict=True)) if values else [()] * len(samples))
    return {name: np.flatnonzero(names == name) for name in sorted(set(names))}


def find_chances(drawn: Groups) -> np.ndarray:
    """(n,) the chance of each training sample to be the next that is drawn: each group has the same."""
    chances = np.empty(sum(map(len, drawn.values())))
    for members in drawn.values():
        chances[members] = 1 / (len(drawn) * len(members))
    return chances


def weigh_samples(samples: pd.DataFrame, drawn: Groups, balanced: Iterable[str]) -> np.ndarray:
    """Loss weights (n,) float32 that give the values of each column in `balanced` equal weight over the draws.

    Their mean over the draws is 1. A column that the sampler balances is not balanced twice.
    """
    probability = find_chances(drawn)
    result = np.ones(len(samples))
    for column in balanced:
        codes, values = pd.factorize(samples[column])
        result /= len(values) * np.bincount(codes, probability)[codes]
    return (result / (result @ probability)).astype(np.float32)
