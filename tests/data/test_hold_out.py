"""Drawing test slides: every slide that can be tested is, as often as the split says, and weights make up for the rest."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.splits.hold_out import MIN_SAMPLES, draw_parts, hold_out
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.make import make
from mitofm.ground.seeds import stream

SEEDS = 1500
OFF = 4.5  # standard errors, of about two hundred frequencies
SHARES = 0.2, 0.2
counts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=6)


def read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path).rename(columns={"tumor_domain": "domain", "patch": "sample_id"})
    if "padded" in table:
        table = table[table["padded"] == 0]
    return table.assign(image=table["slide"]).reset_index(drop=True)


def count_slides(table: pd.DataFrame) -> pd.DataFrame:
    """Negative and positive samples of each slide, indexed by domain and slide."""
    positive = table.groupby(["domain", "slide"])["label"].agg(["size", "sum"])
    return pd.DataFrame({"negative": positive["size"] - positive["sum"], "positive": positive["sum"]})


def draw_all(slides: pd.DataFrame) -> np.ndarray:
    """Which slides `in_domain` tests (seeds, slides); without making whole splits, which takes ten times as long."""
    domains = {str(domain): members.to_numpy() for domain, members in slides.groupby("domain", sort=True)}
    tested: list[list[np.ndarray]] = [[] for _ in range(SEEDS)]
    for seed, (domain, counted) in product(range(SEEDS), domains.items()):
        drawn = draw_parts(counted, *SHARES, stream(seed, "slides", domain))
        tested[seed].append(np.ones(len(counted), bool) if drawn is None else drawn.part == "test")
    return np.stack([np.concatenate(each) for each in tested])


def can_be_divided(counted: np.ndarray) -> bool:
    """Whether three parts hold enough, by trying all; large domains can."""
    return len(counted) > 10 or any(
        min(counted[np.array(each) == part].sum(axis=0).min() for part in range(3)) >= MIN_SAMPLES
        for each in product(range(3), repeat=len(counted))
    )


@pytest.mark.parametrize("name", ["ami", "mf_multi"])
def test_slides_are_tested_as_often_as_their_split_says_and_weights_make_up_for_it(name: str, real_data: Path) -> None:
    table = read(real_data / name / "annotations.csv")
    slides = count_slides(table)
    tested = draw_all(slides)  # takes longer than all else
    check_frequencies(table, slides, tested)
    check_weights(name, table, slides, tested)


def check_frequencies(table: pd.DataFrame, slides: pd.DataFrame, tested: np.ndarray) -> None:
    for seed in (0, 7):
        frame = make(InDomain(name="in_domain"), table, 1.0, seed).frame
        of_slides = frame.groupby(["domain", "slide"]).agg(
            tests=("part", lambda part: (part == "test").all()), chance=("test_chance", "first")
        )
        assert (of_slides["tests"].to_numpy() == tested[seed]).all()
        assert (frame.groupby("slide")["test_chance"].nunique() == 1).all()
    chance = of_slides["chance"].to_numpy()
    for domain, members in slides.groupby("domain"):
        assert (of_slides.loc[domain, "chance"] < 1).all() == can_be_divided(members.to_numpy())
    assert tested.any(axis=0).all()
    error = np.sqrt(chance * (1 - chance) / SEEDS)
    assert (np.abs(tested.mean(axis=0) - chance) <= OFF * error).all()


def check_weights(name: str, table: pd.DataFrame, slides: pd.DataFrame, tested: np.ndarray) -> None:
    """An estimate that is weighted by the chance is right on average."""
    chance = make(InDomain(name="in_domain"), table, 1.0, 0).frame.groupby(["domain", "slide"])["test_chance"]
    weights = tested / chance.first().to_numpy()
    sizes, positive = slides.sum(axis=1).to_numpy(), slides["positive"].to_numpy()
    for known in (sizes, positive, positive / sizes):
        estimates = (weights * known).sum(axis=1) / len(slides)
        assert abs(estimates.mean() - known.mean()) <= OFF * estimates.std() / np.sqrt(SEEDS)
    prevalence = (weights @ positive / (weights @ sizes)).mean()  # of a ratio of two it is nearly so
    assert prevalence == pytest.approx(positive.sum() / sizes.sum(), rel=0.01)
    if name == "ami":  # without weights, the domains that only test weigh too much
        assert (tested @ sizes / tested.sum(axis=1)).mean() > 1.15 * sizes.mean()


@settings(max_examples=100)
@given(counted=counts, share=st.sampled_from([0.1, 0.2, 0.5]), seed=st.integers(0, 99))
def test_a_domain_is_divided_exactly_if_it_can_be(counted: list[tuple[int, int]], share: float, seed: int) -> None:
    drawn = draw_parts(np.array(counted), share, 0.2, stream(seed))
    assert (drawn is not None) == can_be_divided(np.array(counted))
    if drawn is not None:
        for part in ("train", "validation", "test"):
            assert np.array(counted)[drawn.part == part].sum(axis=0).min() >= MIN_SAMPLES


@pytest.mark.parametrize(
    ("slides", "share", "chance"),
    [(20, 0.2, 1 / 5), (20, 0.25, 1 / 4), (20, 0.3, 3 / 10), (4, 0.2, 1 / 4), (3, 0.2, 1 / 3), (8, 0.5, 1 / 2)],
)
def test_the_chance_is_nearest_to_the_share_that_the_slides_allow(slides: int, share: float, chance: float) -> None:
    equal = np.full((slides, 2), MIN_SAMPLES)
    held, drawn = hold_out(equal, share, "test", 2, stream(0)) or (None, 0.0)
    assert held is not None
    assert drawn == pytest.approx(chance)
    assert abs(held.sum() - slides * chance) < 1 + 1e-9
    assert hold_out(equal[:2], share, "test", 2, stream(0)) is None


def test_a_poor_slide_is_tested_with_others() -> None:
    counted = np.array([[9, 4], [148, 5], [4, 0], [7, 2], [116, 11], [7, 2], [5, 0]])  # mast cell tumors of AMi-Br
    tested = np.stack([draw_parts(counted, *SHARES, stream(seed)).part == "test" for seed in range(200)])  # type: ignore[union-attr]
    assert np.abs(tested.mean(axis=0) - 1 / 3).max() < 0.15
    assert len({each.tobytes() for each in tested}) >= 5
