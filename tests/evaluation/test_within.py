from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from mitofm.evaluation import metrics
from mitofm.evaluation.replicates import pool_folds, replicate
from mitofm.evaluation.within import MINIMUM_OF_EACH, measure_within, number_groups

NAMES = ("slide_macro_auroc", "domain_mean_auroc")


def draw(seed: int, samples: int, slides: int, domains: int = 3, chances: bool = False) -> pd.DataFrame:
    """Samples with ties; a slide lies in one domain."""
    rng = np.random.default_rng(seed)
    slide = rng.integers(0, slides, samples)
    table = pd.DataFrame(
        {"sample_id": np.arange(samples), "slide": [f"s{one:02d}" for one in slide], "domain": slide % domains,
         "label": rng.integers(0, 2, samples), "logit": rng.integers(-6, 6, samples) / 2, "evaluation_set": ""}
    )  # fmt: skip
    return table.assign(test_chance=np.where(table["domain"] == 0, 1 / 3, 1 / 5)) if chances else table


def auroc(table: pd.DataFrame, least: int = 1) -> float:
    """That of sklearn; NaN if a class has less than so many samples."""
    if table["label"].sum() < least or (1 - table["label"]).sum() < least:
        return np.nan
    weights = 1 / table["test_chance"] if "test_chance" in table else None
    return float(roc_auc_score(table["label"], table["logit"], sample_weight=weights))


def average_slowly(table: pd.DataFrame) -> tuple[float, float]:
    """Both means, written out."""
    total = weight = 0.0
    for _, slide in table.groupby("slide"):
        inside = auroc(slide, MINIMUM_OF_EACH)
        if np.isfinite(inside):
            counts = 1 / slide["test_chance"].iloc[0] if "test_chance" in table else 1.0
            total, weight = total + counts * inside, weight + counts
    domains = [one for one in (auroc(domain) for _, domain in table.groupby("domain")) if np.isfinite(one)]
    return total / weight if weight else np.nan, float(np.mean(domains)) if domains else np.nan


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 8), st.booleans())
def test_both_equal_the_means_written_out_with_all_slides_and_without_each(
    seed: int, samples: int, slides: int, chances: bool
) -> None:
    table = draw(seed, samples, slides, chances=chances)
    found, stored = replicate(table, 0.0), metrics.summarise(table, 0.0)["all"]
    for place, slide in enumerate([None, *found.slides]):
        expected = average_slowly(table[table["slide"] != slide])
        for name, value in zip(NAMES, expected, strict=True):
            assert found.of(name)[place] == pytest.approx(value, nan_ok=True), (name, slide)
    assert [stored[name] for name in NAMES] == [found.values[name][0] for name in NAMES]
    each = {slide: auroc(part, MINIMUM_OF_EACH) for slide, part in table.groupby("slide")}
    assert found.counted == [slide for slide in found.slides if np.isfinite(each[slide])]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_what_keeps_the_order_changes_nothing_and_one_slide_has_the_pooled_auroc(seed: int, samples: int) -> None:
    table = draw(seed, samples, 4)
    groups, labels = number_groups(table), table["label"].to_numpy()
    found = measure_within(labels, table["logit"].to_numpy(), *groups)
    moved = measure_within(labels, expit(table["logit"]).to_numpy() ** 3, *groups)
    np.testing.assert_equal(moved, found)
    alone = measure_within(labels, table["logit"].to_numpy(), *np.zeros((2, samples), dtype=int))
    pooled = float(metrics.auroc(labels, table["logit"].to_numpy()))
    assert alone["domain_mean_auroc"] == pytest.approx(pooled, nan_ok=True)
    if min(labels.sum(), samples - labels.sum()) >= MINIMUM_OF_EACH:
        assert alone["slide_macro_auroc"] == pytest.approx(pooled)


def test_shifts_between_slides_move_the_pooled_auroc_alone() -> None:
    table = draw(0, 400, 10)
    table["logit"] += 2 * table["label"]
    shift = table["slide"].map({f"s{place:02d}": 5.0 * place for place in range(10)})
    (before, after) = (replicate(table.assign(logit=table["logit"] + by), 0.0) for by in (0.0, shift))
    assert after.values["slide_macro_auroc"] == before.values["slide_macro_auroc"]
    assert after.of("auroc")[0] < before.of("auroc")[0] - 0.1
    by_domain = replicate(table.assign(logit=table["logit"] + 9.0 * table["domain"]), 0.0)
    assert by_domain.values["domain_mean_auroc"] == pytest.approx(before.values["domain_mean_auroc"])
    assert by_domain.of("auroc")[0] < before.of("auroc")[0] - 0.1


def test_weights_that_differ_within_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = draw(1, 200, 9, chances=True)
    whole = replicate(table, 0.0)
    monkeypatch.setattr("mitofm.evaluation.within._AT_ONCE", 100)
    assert replicate(table, 0.0).values == whole.values


def test_separated_classes_have_exactly_one_whatever_the_weights() -> None:
    table = draw(2, 300, 12, chances=True)
    table["logit"] = table["label"] * 2.0
    found = replicate(table, 0.0)
    assert found.of("slide_macro_auroc").tolist() == found.of("domain_mean_auroc").tolist() == [1.0] * 13


def test_pooled_folds_know_all_slides_that_count() -> None:
    table = draw(3, 200, 8)
    folds = [replicate(part, 0.0) for _, part in table.groupby(table["slide"] < "s04")]
    assert pool_folds(folds).counted == replicate(table, 0.0).counted
    assert pool_folds(folds).of("slide_macro_auroc")[0] == pytest.approx(
        np.mean([fold.of("slide_macro_auroc")[0] for fold in folds])
    )
