"""What the statistics promise, on simulated test sets whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata

from mitofm.evaluation import metrics, statistics, verdicts
from mitofm.evaluation.replicates import Replicates

REPETITIONS = 500


def auroc_only(seeds: Sequence[pd.DataFrame]) -> list[Replicates]:
    """As `replicate`, of one metric: hundreds of repetitions cost seconds."""
    found = []
    for seed in seeds:
        codes, slides = pd.factorize(seed["slide"])
        weights = (codes != np.arange(-1, len(slides))[:, None]).astype(float)
        values = metrics.auroc(seed["label"].to_numpy(), seed["logit"].to_numpy(), weights)
        counts = [np.bincount(codes[seed["label"] == label], minlength=len(slides)).tolist() for label in (0, 1)]
        plain = {"auroc": [None if np.isnan(value) else value for value in values]}
        found.append(Replicates(list(slides), "", *counts, plain))
    return found


def half_width_ignoring_slides(seed: pd.DataFrame) -> float:
    """Of the 95 % interval of DeLong et al. 1988, to which every sample is its own unit: the mistake to avoid."""
    positive = seed["label"].to_numpy() == 1
    logits = seed["logit"].to_numpy()
    ranks, own = rankdata(logits), np.empty(len(seed))
    for side in (positive, ~positive):
        own[side] = rankdata(logits[side])
    shares = (ranks - own)[positive] / (~positive).sum(), 1 - (ranks - own)[~positive] / positive.sum()
    return norm.ppf(0.975) * np.sqrt(sum(share.var(ddof=1) / share.size for share in shares))


@pytest.mark.parametrize("slides", [8, 20, 71])
def test_intervals_cover_and_paired_tests_hold_their_level_and_ignoring_slides_fails(simulation, slides: int) -> None:
    generator = np.random.default_rng(slides)
    covered, rejected, naive = [], [], []
    for _ in range(REPETITIONS):
        seeds = simulation.seeds(generator, slides, seeds=2, samples=16)
        one, other = auroc_only(seeds)
        found = statistics.estimate([one, other])
        if found.low is None or found.high is None:
            continue
        covered.append(found.low <= simulation.truth <= found.high)
        # Two seeds of one model are two equal models.
        p = verdicts.difference_p(statistics.subtract_paired({0: one}, {0: other}))
        rejected.append(p is not None and p < 0.05)
        value = metrics.auroc(seeds[0]["label"].to_numpy(), seeds[0]["logit"].to_numpy())
        naive.append(abs(value - simulation.truth) <= half_width_ignoring_slides(seeds[0]))
    assert len(covered) > 0.97 * REPETITIONS
    assert 0.92 <= np.mean(covered) <= 0.985
    assert np.mean(rejected) <= 0.065
    assert np.mean(naive) < 0.85
