"""Folds of whole slides: that they are folds, balanced, and drawn anew by every seed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from mitofm.data.folds import draw_folds
from mitofm.ground.errors import Infeasible
from mitofm.ground.seeds import stream

Samples = tuple[np.ndarray, np.ndarray]

# Negative and positive samples of each slide: many slides of one class, some of both, sizes far apart.
counts = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 7, 40]), st.sampled_from([0, 1, 3, 20])).filter(sum), min_size=1, max_size=14
)
seeds = st.integers(0, 99)
steady = settings(max_examples=100)


# The eight slides of MITOS-ATYPIA-14, of which scikit-learn's grouped folds are the same at every seed.
ATYPIA = [(268, 121), (41, 225), (101, 35), (45, 24), (16, 20), (192, 24), (74, 32), (0, 19)]


def samples(counted: list[tuple[int, int]] | np.ndarray) -> Samples:
    """Labels and slides of so many negative and positive samples."""
    slides = np.repeat([f"s{number:04d}" for number in range(len(counted))], np.sum(counted, axis=1))
    return np.concatenate([[0] * negative + [1] * positive for negative, positive in counted]).astype(int), slides


def tissue(slides: int, seed: int) -> Samples:
    """Slides as they are: a few large ones, many small ones, each with a share of positives of its own."""
    rng = np.random.default_rng(seed)
    size = np.ceil(rng.lognormal(3, 1, slides)).astype(int)
    positive = rng.binomial(size, rng.beta(2, 4, slides))
    return samples(np.stack([size - positive, positive], axis=1))


def drawn(labels: np.ndarray, slides: np.ndarray, folds: int, seed: int) -> np.ndarray:
    return draw_folds(labels, slides, folds, stream(seed, "folds"))


def division(fold: np.ndarray, slides: np.ndarray) -> frozenset[frozenset[str]]:
    """Which slides are together, whatever their fold is called."""
    return frozenset(frozenset(slides[fold == number]) for number in set(fold))


def imbalance(fold: np.ndarray, labels: np.ndarray, slides: np.ndarray) -> tuple[float, float]:
    """How far folds are off their share of the classes alone, and of classes and slides: root of the summed squares."""
    first = np.unique(slides, return_index=True)[1]
    held = np.stack(
        [np.bincount(part, minlength=fold.max() + 1) for part in (fold[labels == 0], fold[labels == 1], fold[first])]
    )
    off = ((held / held.mean(axis=1, keepdims=True) - 1) ** 2).mean(axis=1)
    return float(np.sqrt(off[:2].sum())), float(np.sqrt(off.sum()))


def grouped(labels: np.ndarray, slides: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The folds of scikit-learn."""
    fold = np.empty(len(labels), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class has too few samples
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        for number, (_, rows) in enumerate(splitter.split(labels, labels, slides)):
            fold[rows] = number
    return fold


@steady
@given(counted=counts, folds=st.integers(2, 5), seed=seeds)
def test_folds_hold_whole_slides_and_both_classes_wherever_that_can_be(
    counted: list[tuple[int, int]], folds: int, seed: int
) -> None:
    labels, slides = samples(counted)
    negative, positive = (sum(pair[label] > 0 for pair in counted) for label in (0, 1))
    if min(negative, positive) < folds:  # each fold needs a slide of its own with either; and that is enough
        told = (
            f"{len(counted)} slides, {positive} with positive and {negative} with negative samples, cannot make {folds}"
        )
        with pytest.raises(Infeasible, match=told):
            drawn(labels, slides, folds, seed)
        return
    fold = drawn(labels, slides, folds, seed)
    assert len({*zip(slides, fold, strict=True)}) == len(counted)
    assert {*zip(fold, labels, strict=True)} == {(number, label) for number in range(folds) for label in (0, 1)}


@steady
@given(
    counted=counts.filter(lambda pairs: all(sum(pair[label] > 0 for pair in pairs) >= 2 for label in (0, 1))),
    seed=seeds,
)
def test_the_order_of_rows_does_not_matter(counted: list[tuple[int, int]], seed: int) -> None:
    labels, slides = samples(counted)
    order = np.random.default_rng(seed).permutation(len(labels))
    fold = drawn(labels[order], slides[order].astype(object), 2, seed)
    np.testing.assert_array_equal(fold, drawn(labels, slides, 2, seed)[order])


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("count", [8, 12, 20, 60, 200])
def test_they_are_about_as_balanced_as_grouped_folds_of_scikit_learn(count: int, folds: int) -> None:
    of_classes, of_all = [], []
    for table in range(5):
        labels, slides = tissue(count, table)
        for seed in range(4):
            ours = imbalance(drawn(labels, slides, folds, seed), labels, slides)
            theirs = imbalance(grouped(labels, slides, folds, seed), labels, slides)
            of_classes.append((ours[0], theirs[0]))
            of_all.append((ours[1], theirs[1]))
    ours, theirs = np.mean(of_all, axis=0)
    assert ours < 1.02 * theirs
    ours, theirs = np.mean(of_classes, axis=0)
    assert ours < 1.25 * theirs + 0.1  # theirs pay with the number of slides, two against six where there are eight


def test_every_seed_has_folds_of_its_own() -> None:
    labels, slides = tissue(30, 0)
    assert len({division(drawn(labels, slides, 5, seed), slides) for seed in range(40)}) == 40
    labels, slides = samples(ATYPIA)
    for folds in (2, 3, 4, 5):
        assert len({division(grouped(labels, slides, folds, seed), slides) for seed in range(10)}) == 1
        assert len({division(drawn(labels, slides, folds, seed), slides) for seed in range(50)}) > 5


def test_a_slide_is_as_likely_in_one_fold_as_in_another() -> None:
    labels, slides = tissue(10, 1)
    first = np.unique(slides, return_index=True)[1]
    fold = np.stack([drawn(labels, slides, 4, seed)[first] for seed in range(300)])
    share = np.stack([(fold == number).mean(axis=0) for number in range(4)])
    assert np.abs(share - 0.25).max() < 0.1  # four standard errors


def test_the_folds_of_a_seed_stay_as_they_are() -> None:
    labels, slides = samples(ATYPIA)
    fold = drawn(labels, slides, 3, 42)[np.unique(slides, return_index=True)[1]]
    assert fold.tolist() == [2, 1, 0, 2, 1, 1, 0, 0]  # others need another PROTOCOL_VERSION
