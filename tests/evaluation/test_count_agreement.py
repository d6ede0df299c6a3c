from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from mitofm.evaluation.count_agreement import classify, count_by_slide, estimate_agreement, replicate_agreement
from mitofm.ground import seeds


@pytest.fixture
def candidates() -> pd.DataFrame:
    """Candidates of 60 slides whose prevalence differs, with logits that are right at a prevalence of one half."""
    rng = seeds.stream(3, "candidates")
    slide = np.repeat([f"s{n:02d}" for n in range(60)], 80)
    share = np.repeat(rng.uniform(0.05, 0.9, 60), 80)
    label = (rng.random(slide.size) < share).astype(int)
    return pd.DataFrame(
        {
            "slide": slide,
            "domain": "lung",
            "evaluation_set": "",
            "label": label,
            "logit": 4 * rng.normal(label - 0.5, 0.5),
        }
    )


def test_the_corrected_count_is_the_likeliest_and_follows_the_prevalence_of_a_slide(candidates: pd.DataFrame) -> None:
    found = count_by_slide(candidates, threshold=0.0, shift=0.5, prevalence=float(expit(0.5)))
    assert found["counted"].tolist() == candidates.groupby("slide")["label"].sum().tolist()
    assert found["called"].tolist() == (candidates["logit"] >= 0).groupby(candidates["slide"]).sum().tolist()
    ratios = np.exp(candidates.loc[candidates["slide"] == "s07", "logit"].to_numpy())
    best = minimize_scalar(lambda share: -np.log1p(share * (ratios - 1)).sum(), bounds=(0, 1), method="bounded")
    assert found["corrected"][7] / 80 == pytest.approx(best.x, abs=1e-4)
    error = {way: np.abs(found[way] - found["counted"]).mean() for way in ("called", "corrected")}
    assert error["corrected"] < 0.6 * error["called"]


def test_the_corrected_count_reaches_none_and_all_and_is_unknown_without_a_prevalence(candidates: pd.DataFrame) -> None:
    apart = pd.DataFrame(
        {
            "slide": ["a", "a", "b"],
            "domain": "",
            "evaluation_set": "",
            "label": [0, 0, 1],
            "logit": [-900.0, -5.0, 800.0],
        }
    )
    assert count_by_slide(apart, 0.0, 0.0, 0.5)["corrected"].tolist() == pytest.approx([0, 1])
    assert count_by_slide(apart, 0.0, 0.0, None)["corrected"].isna().all()


def test_agreement_is_that_of_its_textbook_formulas_with_and_without_each_slide() -> None:
    rng = seeds.stream(4, "agreement")
    x = rng.poisson(12, 20).astype(float)
    y = x + rng.normal(1, 3, 20)
    classes = classify(x, [10, 14]), classify(y, [10, 14])
    found = replicate_agreement(x, y, classes, [f"{n:02d}" for n in range(20)])
    for row, kept in ((0, slice(None)), (4, np.arange(20) != 3)):
        one, other, first, second = (side[kept] for side in (x, y, *classes))
        apart, both = other - one, np.cov(one, other, ddof=0)
        lin = 2 * both[0, 1] / (both[0, 0] + both[1, 1] + apart.mean() ** 2)
        assert found.of("count_bias")[row] == pytest.approx(apart.mean())
        assert found.of("count_high")[row] == pytest.approx(apart.mean() + 1.96 * apart.std(ddof=1))
        assert 2 * found.of("concordance")[row] - 1 == pytest.approx(lin)
        expected = np.abs(first[:, None] - second).mean()
        assert 2 * found.of("kappa")[row] - 1 == pytest.approx(1 - np.abs(first - second).mean() / expected)


def test_classes_begin_at_their_cut_off() -> None:
    assert classify(np.array([0, 9.9, 10, 19, 20]), [10, 20]).tolist() == [0, 0, 1, 1, 2]


def test_the_interval_of_concordance_covers_it() -> None:
    """Over slides of one kind: the truth is that of very many."""

    def draw(slides: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = seeds.stream(seed, "cover")
        counted = rng.poisson(rng.gamma(2, 6, slides)).astype(float)
        return counted, rng.binomial(counted.astype(int), 0.8) + rng.poisson(2, slides)

    x, y = draw(200_000, 0)
    truth = 2 * np.cov(x, y)[0, 1] / (x.var() + y.var() + (y - x).mean() ** 2)
    covered = {"concordance": 0, "count_bias": 0}
    for seed in range(1, 201):
        found = replicate_agreement(*draw(30, seed), None, [f"{n:02d}" for n in range(30)])
        for name, true in (("concordance", truth), ("count_bias", (y - x).mean())):
            estimate = estimate_agreement([found], [name])[name]
            covered[name] += estimate.low <= true <= estimate.high
    assert all(176 <= hits <= 199 for hits in covered.values()), covered


def test_slides_that_do_not_differ_have_no_kappa() -> None:
    none = np.zeros(8, int)
    equal = [replicate_agreement(np.arange(8.0), np.arange(8.0), (none, none), list("abcdefgh"))]
    found = estimate_agreement(equal, ["kappa"])["kappa"]
    assert (found.value, found.why) == (None, "slides do not differ")
    assert estimate_agreement(equal, ["concordance"])["concordance"].value == 1
