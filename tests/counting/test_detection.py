from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from mitofm.counting.detection import (
    CLASSIFIER,
    LOOK_ALIKE,
    MERGED,
    OTHER,
    PROPOSALS,
    Detected,
    choose_threshold,
    find_hits,
    list_errors,
    replicate_detection,
    sum_by_unit,
    trace_froc,
)
from mitofm.counting.matching import match
from mitofm.counting.merging import suppress
from mitofm.ground import seeds

from .test_matching import PLACES


def make(
    figures: np.ndarray, look_alikes: np.ndarray, scored: np.ndarray, scores: np.ndarray, unit: str = "a"
) -> Detected:
    kept = suppress(scored, scores)
    hits = find_hits(scored[kept], figures)
    return Detected(unit, unit, "lung", "", 2.0, figures, look_alikes, scored, scores, scored[kept], scores[kept], hits)


@pytest.fixture(scope="module")
def images() -> list[Detected]:
    """Eight slides with figures, look-alikes and noise."""
    found = []
    for number in range(8):
        rng = seeds.stream(number, "detection")
        figures, like = rng.uniform(0, 400, (30, 2)), rng.uniform(0, 400, (20, 2))
        near = figures[:27] + rng.normal(0, 2, (27, 2))
        scored = np.concatenate([near, like, rng.uniform(0, 400, (100, 2))])
        scores = rng.normal(np.repeat([2.0, 0.5, -1.0], [27, 20, 100]), 1)
        found.append(make(figures, like, scored, scores, f"s{number}"))
    return found


@settings(max_examples=200, deadline=None)
@given(PLACES, PLACES)
def test_hits_of_every_threshold_are_a_maximum_matching(places: np.ndarray, figures: np.ndarray) -> None:
    hits = find_hits(places, figures, 1.5)
    for count in range(len(places) + 1):
        assert hits[:count].sum() == len(match(places[:count], figures, 1.5))


def test_the_threshold_has_the_highest_f1_of_all(images: list[Detected]) -> None:
    @cache
    def count_hits(image: int, above: int) -> int:
        one = images[image]
        return len(match(one.places[np.argsort(-one.logits, kind="stable")[:above]], one.figures))

    def f1(cut: float) -> float:
        hits = sum(count_hits(image, (one.logits >= cut).sum()) for image, one in enumerate(images))
        found = sum((one.logits >= cut).sum() for one in images)
        return 2 * hits / (found + sum(len(one.figures) for one in images))

    chosen = choose_threshold(images)
    every = np.concatenate([one.logits for one in images])
    assert f1(chosen) == max(f1(cut) for cut in every)
    assert chosen not in every
    assert choose_threshold([make(np.empty((0, 2)), np.empty((0, 2)), np.ones((1, 2)), np.ones(1))]) is None


def test_rates_are_those_of_the_sums_and_of_all_other_slides(images: list[Detected]) -> None:
    sums = sum_by_unit(images, 1.0)
    found = replicate_detection(sums)
    for row, members in ((0, images), (3, images[:2] + images[3:])):
        hits = sum(len(match(one.places[one.logits >= 1], one.figures)) for one in members)
        called, figures = sum((one.logits >= 1).sum() for one in members), sum(len(one.figures) for one in members)
        assert found.of("precision")[row] == hits / called
        assert found.of("recall")[row] == hits / figures
        assert found.of("f1")[row] == pytest.approx(2 * hits / (called + figures))
    curve = trace_froc(images, points=10**6)
    at = curve[curve["logit"] >= 1.0].iloc[-1]
    assert at["recall"] == found.of("recall")[0]
    assert at["false_per_mm2"] == (sums["found"] - sums["hits"]).sum() / 16


def test_every_error_has_its_kind(images: list[Detected]) -> None:
    figures = np.array([[0.0, 0], [100, 0], [200, 0], [300, 0], [306, 0]])
    like = np.array([[0.0, 100]])
    scored = np.array([[1.0, 0], [101, 0], [1, 100], [50, 50], [303, 0], [307, 0]])
    scores = np.array([3.0, -2, 2, 1, 5, 4])
    errors = list_errors(make(figures, like, scored, scores), 0.0)
    kinds = {(error["x"], error["y"]): error["kind"] for error in errors}
    assert kinds.pop((200, 0)) == PROPOSALS
    assert kinds.pop((100, 0)) == CLASSIFIER
    assert kinds.pop((1, 100)) == LOOK_ALIKE
    assert kinds.pop((50, 50)) == OTHER
    assert list(kinds.values()) == [MERGED]  # of the two figures that one detection stands for
    sums = sum_by_unit(images, 1.0)
    assert (sums["figures"] - sums["hits"]).tolist() == sums[[PROPOSALS, CLASSIFIER, MERGED]].sum(axis=1).tolist()
    assert (sums["found"] - sums["hits"]).tolist() == sums[[LOOK_ALIKE, OTHER]].sum(axis=1).tolist()
