"""The estimates of metrics, but for intervals that would mean nothing: with the reason in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import MINIMUM_SLIDES, Estimate
from mitofm.evaluation.within import MINIMUM_OF_EACH

WITHOUT_INTERVAL = {
    # By more than slides and trainings spread it: no interval holds the truth.
    "calibration_error": "bins make it too high",
    "calibration_noise": "it is made of chance alone",
}
"""Metrics that never have one, and why."""


def estimate(seeds: Sequence[Replicates], metric: str) -> Estimate:
    """`statistics.estimate`, but that a mean of AUROCs inside slides has an interval only if six slides count in it."""
    found = statistics.estimate(seeds, metric)
    why = find_reason(seeds, metric)
    if metric == "domain_mean_auroc" and found.value is None:
        why = "no domain with both classes"
    return replace(found, low=None, high=None, standard_error=None, why=why) if why else found


def find_reason(seeds: Sequence[Replicates], metric: str) -> str:
    """Why an interval of the metric would mean nothing, whatever its value; "" if it does not."""
    return _limit_slides(seeds) if metric == "slide_macro_auroc" else WITHOUT_INTERVAL.get(metric, "")


def _limit_slides(seeds: Sequence[Replicates]) -> str:
    """What is missing for an interval of the mean of AUROCs inside slides; "" if nothing."""
    such = f"slides with {MINIMUM_OF_EACH} samples of each class"
    counts = [len(seed.counted) for seed in seeds if seed.counted]
    if not counts:
        return f"no {such}"
    if len({slide for seed in seeds for slide in seed.counted}) < MINIMUM_SLIDES:
        return f"under {MINIMUM_SLIDES} {such}"
    return f"a seed without two {such}" if min(counts) < 2 else ""
