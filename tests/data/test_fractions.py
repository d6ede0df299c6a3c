"""Buying labels: nested, stratified, and refused where a fraction cannot be meant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.fractions import buy, check, stratify
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.seeds import stream


def side(labels: list[int], domains: int = 2, slides: int = 6) -> pd.DataFrame:
    """A side whose samples lie on `slides` slides, these on `domains` domains."""
    slide = np.arange(len(labels)) % slides
    return pd.DataFrame(
        {"slide": [f"s{i:02d}" for i in slide], "domain": [f"d{i % domains}" for i in slide], "label": labels}
    )


sides = st.builds(side, st.lists(st.integers(0, 1), min_size=1, max_size=80), st.integers(1, 4), st.integers(1, 9))


@given(samples=sides, seed=st.integers(0, 99))
def test_every_prefix_holds_each_class_within_one_of_its_share(samples: pd.DataFrame, seed: int) -> None:
    labels = samples["label"].to_numpy()
    order = stratify(samples, stream(seed, "test"))
    assert sorted(order) == list(range(len(samples)))
    expected = labels.mean() * np.arange(1, len(labels) + 1)
    assert np.abs(np.cumsum(labels[order]) - expected).max() <= 0.5 + 1e-9


def test_domains_are_spread_evenly_inside_a_class() -> None:
    domains = np.array(["big"] * 90 + ["small"] * 10)
    order = stratify(pd.DataFrame({"label": 1, "domain": domains}), stream(0, "test"))
    places = np.flatnonzero(domains[order] == "small")
    assert (np.diff(places) >= 8).all()
    assert (np.diff(places) <= 12).all()


def test_a_small_domain_is_neither_always_early_nor_always_late() -> None:
    domains = np.array(["big"] * 90 + ["small"] * 10)
    orders = (stratify(pd.DataFrame({"label": 1, "domain": domains}), stream(seed, "test")) for seed in range(40))
    first = [int(np.flatnonzero(domains[order] == "small")[0]) for order in orders]
    assert min(first) <= 2
    assert max(first) >= 7


@settings(max_examples=50)
@given(train=sides, validation=sides, seed=st.integers(0, 99), a=st.floats(1e-4, 1), b=st.floats(1e-4, 1))
def test_fractions_are_nested_prefixes(
    train: pd.DataFrame, validation: pd.DataFrame, seed: int, a: float, b: float
) -> None:
    small, large = sorted((a, b))
    fewer, more = (buy(train, validation, fraction, "annotation", seed) for fraction in (small, large))
    for samples, little, much in zip((train, validation), fewer, more, strict=True):
        assert len(little) == max(1, round(small * len(samples)))
        assert little.tolist() == much[: len(little)].tolist()


@settings(max_examples=50)
@given(train=sides, validation=sides, seed=st.integers(0, 99), data=st.data())
def test_slides_are_bought_whole_and_nested(
    train: pd.DataFrame, validation: pd.DataFrame, seed: int, data: st.DataObject
) -> None:
    slides = train["slide"].nunique()
    number = data.draw(st.integers(1, slides))
    some = buy(train, validation, number, "slide", seed)
    every = buy(train, validation, slides, "slide", seed)
    for samples, little, much in zip((train, validation), some, every, strict=True):
        names = set(samples["slide"].iloc[little])
        expected = max(1, round(number / slides * samples["slide"].nunique()))
        assert len(names) == expected
        assert sorted(little) == np.flatnonzero(samples["slide"].isin(names)).tolist()
        assert little.tolist() == much[: len(little)].tolist()
        assert len(much) == len(samples)


def test_seeds_and_sides_draw_on_their_own() -> None:
    samples = side([0, 1] * 40)
    train, validation = buy(samples, samples, 0.25, "annotation", 0)
    assert set(train) != set(validation)
    assert set(train) != set(buy(samples, samples, 0.25, "annotation", 1)[0])
    shorter = samples.iloc[:20]
    assert train.tolist() == buy(samples, shorter, 0.25, "annotation", 0)[0].tolist()


def test_a_side_without_cells_buys_nothing() -> None:
    train, validation = buy(side([0, 1] * 6), side([]), 0.5, "annotation", 0)
    assert (len(train), len(validation)) == (6, 0)
    assert len(buy(side([0, 1] * 6), side([]), 2, "slide", 0)[1]) == 0


@pytest.mark.parametrize(
    ("fraction", "unit", "says"),
    [
        (0.0, "annotation", r"0 < fraction <= 1"),
        (1.5, "annotation", r"0 < fraction <= 1"),
        (float("nan"), "annotation", r"0 < fraction <= 1"),
        (0.1, "slide", "number of slides"),
        (2.5, "slide", "number of slides"),
        (0, "slide", "number of slides"),
        (float("nan"), "slide", "number of slides"),
        (0.5, "slides", "Did you mean 'slide'"),
    ],
)
def test_a_fraction_that_cannot_be_meant_is_refused(fraction: float, unit: str, says: str) -> None:
    with pytest.raises(MitofmError, match=says):
        check(fraction, unit)


def test_more_slides_than_there_are_is_infeasible() -> None:
    samples = side([0, 1] * 6)
    with pytest.raises(Infeasible, match="fraction=7 slides were asked for, but the training side has 6"):
        buy(samples, samples, 7, "slide", 0)
