from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mitofm.evaluation.reliability import bin_probabilities


def calibrated(samples: int, slides: int, slope: float = 1.0) -> pd.DataFrame:
    """Cells that are positive as often as their probability says, if `slope` is 1."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1.5, samples)
    label = (rng.random(samples) < expit(logit)).astype(int)
    return pd.DataFrame({"slide": rng.integers(0, slides, samples).astype(str), "label": label, "logit": slope * logit})


def test_right_probabilities_lie_on_the_diagonal_and_overconfident_ones_do_not() -> None:
    bins = bin_probabilities([calibrated(40_000, 40)])
    assert [part.cells for part in bins] == [4000] * 10
    assert all(abs(part.share - part.probability) < 0.03 for part in bins)
    assert np.mean([part.low <= part.probability <= part.high for part in bins]) >= 0.8
    overconfident = bin_probabilities([calibrated(40_000, 40, slope=3.0)])
    assert overconfident[0].probability < overconfident[0].low
    assert overconfident[-1].probability > overconfident[-1].high


def test_every_seeds_cells_count_and_slides_are_counted_once() -> None:
    seed = calibrated(500, 10)
    one, two = bin_probabilities([seed], bins=2), bin_probabilities([seed, seed], bins=2)
    assert sum(part.cells for part in two) == 2 * sum(part.cells for part in one) == 1000
    # The same samples twice know nothing more: the interval is the same.
    for single, double in zip(one, two, strict=True):
        assert double.slides == single.slides == 10
        assert (double.share, double.low, double.high) == pytest.approx((single.share, single.low, single.high))


def test_bins_of_few_slides_have_no_interval() -> None:
    assert all(part.low is None and part.high is None for part in bin_probabilities([calibrated(200, 5)]))


def test_equal_probabilities_are_one_bin() -> None:
    (only,) = bin_probabilities([calibrated(100, 10).assign(logit=0.0)])
    assert (only.cells, only.probability) == (100, 0.5)
