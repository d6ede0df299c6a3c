"""Dividing slides so that each part holds enough: the search against all divisions there are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.covering import cover

few_counts = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=6)


def holds(counts: np.ndarray, part: np.ndarray, parts: int) -> int:
    """The fewest samples of a class in a part."""
    return int(min(counts[part == one].sum(axis=0).min() for one in range(parts)))


@settings(max_examples=150)
@given(counted=few_counts, parts=st.integers(1, 3), order=st.randoms(use_true_random=False))
def test_it_finds_a_division_exactly_if_there_is_one(counted: list[tuple[int, int]], parts: int, order: object) -> None:
    counts = np.array(counted)
    possible = any(holds(counts, np.array(each), parts) >= 5 for each in product(range(parts), repeat=len(counts)))
    shuffled = np.arange(len(counts))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for found in (cover(counts, parts, 5), cover(counts, parts, 5, shuffled)):
        assert (found is not None) == possible
        if found is not None:
            assert holds(counts, found, parts) >= 5


@pytest.mark.parametrize(
    ("slide", "slides", "parts", "possible"),
    [((3, 3), 14, 7, True), ((3, 3), 14, 8, False), ((1, 1), 300, 60, True), ((1, 1), 300, 61, False)],
)
def test_many_slides_and_parts(slide: tuple[int, int], slides: int, parts: int, possible: bool) -> None:
    assert (cover(np.array([slide] * slides), parts, 5) is not None) == possible
