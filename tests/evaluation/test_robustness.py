from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.evaluation.robustness import (
    CROMA,
    CROMA_BELOW,
    CROMA_TAIL,
    INDEX,
    MARGIN_INDEX,
    METRICS,
    Robustness,
    measure,
)
from mitofm.ground.errors import MitofmError


def make(
    seed: int, *, slides: int = 16, each: int = 12, classes: float = 1.0, levels: float = 0.5, positive: float = 0.4
) -> tuple[pd.DataFrame, np.ndarray]:
    """Samples of two classes by three scanners, which move embeddings by so much."""
    rng = np.random.default_rng(seed)
    slide = np.repeat(np.arange(slides), each)
    label = (rng.random(len(slide)) < positive).astype(int)
    features = rng.normal(size=(len(slide), 6))
    features[:, 0] += classes * label
    features[:, 1] += levels * (slide % 3 - 1)
    table = pd.DataFrame(
        {
            "sample_id": [f"s{place}" for place in range(len(slide))],
            "dataset": "made",
            "slide": [f"w{one}" for one in slide],
            "label": label,
            "scanner": [f"scanner {one % 3}" for one in slide],
        }
    )
    return table, features


def values(found: Robustness) -> np.ndarray:
    return np.array([found.estimates[metric].value for metric in METRICS], dtype=float)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_of_the_package_croma(seed: int) -> None:
    croma = pytest.importorskip("croma")
    table, features = make(seed, positive=0.3)
    found = measure(table, features, "scanner")
    manifest = table.assign(group_id=table["slide"], image_path=table["sample_id"])
    shared = {"features": features, "manifest": manifest, "confounder_column": "scanner"}
    index = croma.RI.compute(**shared, k_candidates=[5, 11, 21])
    margin = croma.MaRI.compute(**shared, k_candidates=[5, 11, 21])
    distances = croma.CRoMa.compute(**shared)
    theirs = [index.value, margin.value, distances.value, distances.ltm_alpha, distances.f0]
    assert values(found) == pytest.approx(theirs, abs=1e-9)
    assert (found.k, found.support) == (index.k, pytest.approx(index.support))
    assert found.tau == pytest.approx(margin.tau, abs=1e-9)


def test_a_sample_of_four_by_hand() -> None:
    """Each sample has its own slide: what is near decides alone."""
    angles = np.deg2rad([0, 10, 30, 80] * 2)
    table = pd.DataFrame(
        {
            "sample_id": list("abcdefgh"),
            "dataset": "made",
            "slide": list("abcdefgh"),
            "label": [0, 0, 1, 1] * 2,
            "scanner": ["A", "B", "A", "B"] * 2,
        }
    )
    found = measure(table, np.stack([np.cos(angles), np.sin(angles)], axis=1), "scanner", [3], 1)
    # Of a (0 degrees, class 0, A) the three nearest are its copy (both equal), and b and f (its class, B): they help.
    # Of b (10, 0, B): its copy, a and e (its class, A). Of c (30, 1, A): its copy, b and f (neither equal): nothing counts.
    # Of d (80, 1, B): its copy, c and g (its class, A).
    assert found.estimates[INDEX].value == 1
    assert found.support == 0.75
    cos = {angle: 1 - np.cos(np.deg2rad(angle)) for angle in (10, 30, 50, 70)}
    helping, misleading = [cos[10], cos[10], cos[50], cos[50]], [cos[30], cos[70], cos[30], cos[70]]
    by_hand = [(b - a) / (b + a) for a, b in zip(helping, misleading, strict=True)]
    assert found.estimates[CROMA].value == pytest.approx(np.median(by_hand))
    assert found.estimates[CROMA_BELOW].value == 0.25


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_neither_the_order_of_samples_nor_the_scale_of_features_matters(seed: int) -> None:
    table, features = make(seed, slides=9, each=16)
    order = np.random.default_rng(seed).permutation(len(table))
    lengths = np.random.default_rng(seed).uniform(0.1, 10, size=(len(table), 1))
    found, other = (
        measure(table, features, "scanner"),
        measure(table.iloc[order], (features * lengths)[order], "scanner"),
    )
    assert values(found) == pytest.approx(values(other), abs=1e-9)
    assert found.estimates[INDEX].low == pytest.approx(other.estimates[INDEX].low, abs=1e-9)
    assert all(0 <= found.estimates[metric].value <= 1 for metric in (INDEX, MARGIN_INDEX, CROMA_BELOW))
    assert all(-1 <= found.estimates[metric].value <= 1 for metric in (CROMA, CROMA_TAIL))


def test_a_column_of_numbers_is_as_good_as_one_of_words() -> None:
    table, features = make(0)
    words = measure(table, features, "scanner")
    years = table["scanner"].map({"scanner 0": 2019, "scanner 1": 2020, "scanner 2": 2021})
    for numbers in (years, years / 2, years.astype("Int64"), years.astype("category")):
        found = measure(table.assign(year=numbers), features, "year")
        assert values(found) == pytest.approx(values(words))
        assert found.levels == tuple(sorted(numbers.astype(str).unique()))


def test_an_embedding_that_is_not_finite_is_refused() -> None:
    table, features = make(0)
    features[3] = np.nan
    with pytest.raises(MitofmError, match="not finite"):
        measure(table, features, "scanner")


def test_embeddings_by_class_have_more_of_it_than_embeddings_by_scanner() -> None:
    good, bad = (measure(*make(0, classes=c, levels=s), "scanner").estimates for c, s in ((4.0, 0.0), (0.0, 4.0)))
    for metric in (INDEX, MARGIN_INDEX, CROMA, CROMA_TAIL):
        assert good[metric].low > bad[metric].high
    assert good[CROMA_BELOW].high < bad[CROMA_BELOW].low


@pytest.mark.parametrize("positive", [0.5, 0.15])
def test_chance_is_what_noise_has(positive: float) -> None:
    noise = [measure(*make(seed, slides=30, classes=0, levels=0, positive=positive), "scanner") for seed in range(4)]
    index, chance = (
        np.mean([pick(one) for one in noise])
        for pick in (lambda one: one.estimates[INDEX].value, lambda one: one.chance)
    )
    assert index == pytest.approx(chance, abs=0.03)
    centre, croma_chance = (
        np.mean([pick(one) for one in noise])
        for pick in (lambda one: one.estimates[CROMA].value, lambda one: one.croma_chance)
    )
    assert centre == pytest.approx(croma_chance, abs=0.01)
    assert croma_chance > 0.02
    assert chance > 0.6  # of three scanners two are others: noise is far above one half


def test_intervals_hold_the_value_of_other_slides() -> None:
    found = [measure(*make(seed, slides=24, each=8), "scanner", [11]).estimates for seed in range(25)]
    for metric in METRICS:
        truth = np.mean([one[metric].value for one in found])
        assert np.mean([one[metric].low <= truth <= one[metric].high for one in found]) >= 0.9


def test_values_with_too_few_samples_of_a_class_are_left_out() -> None:
    table, features = make(0)
    table.loc[table["scanner"] == "scanner 2", "label"] = 0
    found = measure(table, features, "scanner")
    assert (found.levels, found.left_out) == (("scanner 0", "scanner 1"), ("scanner 2",))
    assert found.samples == (table["scanner"] != "scanner 2").sum()
    with pytest.raises(MitofmError, match="two are needed"):
        measure(table[table["scanner"] != "scanner 1"], features[table["scanner"] != "scanner 1"], "scanner")


def test_what_cannot_be_measured_is_refused() -> None:
    table, features = make(0)
    with pytest.raises(MitofmError, match="does not state the laboratory of its samples"):
        measure(table, features, "laboratory")
    with pytest.raises(MitofmError, match="k=4: give odd numbers"):
        measure(table, features, "scanner", [4])


def test_few_slides_have_no_interval() -> None:
    found = measure(*make(0, slides=5, each=60), "scanner", pairs=1).estimates[INDEX]
    assert (found.low, found.why) == (None, "under 6 slides")
