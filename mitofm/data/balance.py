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

_TURNS = 1000
"""Weights that exist are found in a few, mostly."""

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

    Their mean over the draws is 1. A column that the sampler balances is not balanced twice. Several columns, which may go
    together, are balanced in turns until all are (Deming and Stephan 1940, Ann Math Stat 11:427); if none of the weights can do
    that, as domains of a single class may forbid, each is balanced by itself.
    """
    probability = find_chances(drawn)
    columns = [(codes, len(values)) for codes, values in (pd.factorize(samples[column]) for column in balanced)]
    result = np.ones(len(samples))
    for _ in range(_TURNS):
        for codes, count in columns:
            result = result / (count * np.bincount(codes, probability * result)[codes])
        if len(columns) < 2 or _are_balanced(columns, probability * result):
            break
    else:
        each = [1 / (count * np.bincount(codes, probability)[codes]) for codes, count in columns]
        result = np.prod(each, axis=0)
    return (result / (result @ probability)).astype(np.float32)


def _are_balanced(columns: Iterable[tuple[np.ndarray, int]], shares: np.ndarray) -> bool:
    return all(np.allclose(count * np.bincount(codes, shares), 1, rtol=0, atol=1e-9) for codes, count in columns)
