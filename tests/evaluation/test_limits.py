from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import limits, statistics
from mitofm.evaluation.replicates import replicate


def draw(rich: int, slides: int = 12, seed: int = 0) -> pd.DataFrame:
    """As many `rich` slides with three samples of each class; the others have one of each."""
    rng = np.random.default_rng(seed)
    sizes = [6 if place < rich else 2 for place in range(slides)]
    label = np.concatenate([np.tile([0, 1], size // 2) for size in sizes])
    slide = np.repeat(np.arange(slides), sizes)
    logit = label + rng.normal(size=label.size)
    return pd.DataFrame({"sample_id": np.arange(label.size), "slide": slide, "label": label, "logit": logit})


def test_the_mean_over_slides_says_what_it_lacks_for_an_interval() -> None:
    for rich, why in (
        (0, "no slides with 3 samples of each class"),
        (5, "under 6 slides with 3 samples of each class"),
    ):
        found = limits.estimate([replicate(draw(rich), 0.0)], "slide_macro_auroc")
        assert (found.low, found.why, found.value is None) == (None, why, rich == 0)
        assert limits.estimate([replicate(draw(rich), 0.0)], "auroc").low is not None
    seeds = [replicate(draw(rich, seed=rich), 0.0) for rich in (7, 8)]
    found = limits.estimate(seeds, "slide_macro_auroc")
    assert found == statistics.estimate(seeds, "slide_macro_auroc")
    assert found.low < found.value < found.high
    alone = limits.estimate([*seeds, replicate(draw(1), 0.0)], "slide_macro_auroc")
    assert (alone.low, alone.why) == (None, "a seed without two slides with 3 samples of each class")


def test_leaving_out_a_slide_that_counts_is_the_jackknife_of_a_mean() -> None:
    """Six slides of six: the error is that of a mean of six values."""
    (seed,) = [replicate(draw(6, slides=6), 0.0)]
    inside = [replicate(part, 0.0).of("auroc")[0] for _, part in draw(6, slides=6).groupby("slide")]
    found = limits.estimate([seed], "slide_macro_auroc")
    assert found.value == pytest.approx(np.mean(inside))
    assert found.standard_error == pytest.approx(np.std(inside, ddof=1) / np.sqrt(6))


def test_no_domain_with_both_classes_is_said_so() -> None:
    table = draw(12)
    found = limits.estimate([replicate(table.assign(domain=table["label"]), 0.0)], "domain_mean_auroc")
    assert (found.value, found.why) == (None, "no domain with both classes")


@pytest.mark.parametrize("metric", limits.WITHOUT_INTERVAL)
def test_some_metrics_never_have_one(metric: str) -> None:
    seeds = [replicate(draw(12, seed=seed), 0.0) for seed in (0, 1)]
    found = limits.estimate(seeds, metric)
    assert found.value == pytest.approx(np.mean([seed.of(metric)[0] for seed in seeds]))
    assert (found.low, found.high, found.standard_error) == (None, None, None)
    assert found.why == limits.WITHOUT_INTERVAL[metric]
