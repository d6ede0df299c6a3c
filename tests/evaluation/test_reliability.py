from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import t as student

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


def chanced(samples: int, slides: int, seed: int = 0) -> pd.DataFrame:
    """As `calibrated`; half of the slides, which have more positives than their probabilities say, are tested rarely."""
    table = calibrated(samples, slides)
    rare = table["slide"].astype(int) % 2 == 0
    table.loc[rare & (np.random.default_rng(seed).random(samples) < 0.3), "label"] = 1
    return table.assign(test_chance=np.where(rare, 0.2, 0.6))


def test_a_sample_tested_at_a_third_of_the_chance_counts_as_three() -> None:
    table = chanced(1000, 12)
    found = bin_probabilities([table], bins=4)
    edges = np.quantile(expit(table["logit"]), [0.25, 0.5, 0.75])
    place = np.searchsorted(edges, expit(table["logit"]))
    plain = bin_probabilities([table.drop(columns="test_chance")], bins=4)
    for number, one in enumerate(found):
        inside = table[place == number]
        # Written out: three copies of each sample of a rare slide, then the ratio of sums over slides, sum by sum.
        copies = pd.concat([inside, *[inside[inside["test_chance"] == 0.2]] * 2])
        slides = [group for _, group in copies.groupby("slide")]
        share = copies["label"].mean()
        squares = sum((group["label"].sum() - share * len(group)) ** 2 for group in slides)
        error = np.sqrt(len(slides) / (len(slides) - 1) * squares) / len(copies)
        half = student.ppf(0.975, len(slides) - 1) * error
        assert (one.share, one.probability) == pytest.approx((share, expit(copies["logit"]).mean()))
        assert (one.low, one.high) == pytest.approx((max(0, share - half), min(1, share + half)))
        assert (one.cells, one.slides) == (len(inside), 12) == (plain[number].cells, plain[number].slides)
        assert one.share > plain[number].share + 0.02 or number == 3


def test_the_delete_one_slide_jackknife_gives_about_the_same_interval() -> None:
    table = chanced(4000, 60).assign(logit=0.0)
    (one,) = bin_probabilities([table])
    weights = 1 / table["test_chance"]
    without = []
    for slide in table["slide"].unique():
        left = table["slide"] != slide
        without.append((weights * table["label"])[left].sum() / weights[left].sum())
    error = np.sqrt(59 / 60 * ((np.array(without) - np.mean(without)) ** 2).sum())
    assert (one.high - one.low) / 2 == pytest.approx(student.ppf(0.975, 59) * error, rel=0.03)


def test_a_bin_of_one_class_is_exactly_that_whatever_the_weights() -> None:
    table = chanced(300, 12).assign(label=1)
    assert [(part.share, part.high) for part in bin_probabilities([table], bins=3)] == [(1.0, 1.0)] * 3
    sizes = np.bincount(table["slide"].astype(int), weights=1 / table["test_chance"])
    (whole,) = bin_probabilities([table.assign(logit=0.0)])
    assert whole.low == pytest.approx(0.025 ** ((sizes**2).sum() / sizes.sum() ** 2))
    equal = bin_probabilities([calibrated(300, 12).assign(test_chance=0.2)])
    assert equal == bin_probabilities([calibrated(300, 12)])
