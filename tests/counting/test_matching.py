"""The matching is as large as scipy's maximum matching, and as near as the best assignment of all at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial.distance import cdist

from mitofm.counting.matching import match

PLACES = st.lists(st.tuples(*[st.integers(0, 8)] * 2), max_size=14).map(
    lambda places: np.array(places, float).reshape(-1, 2)
)


@settings(max_examples=300)
@given(PLACES, PLACES, st.sampled_from([0.0, 1.0, 1.5, 3.0]))
def test_it_is_a_maximum_matching_of_least_distance(found: np.ndarray, annotated: np.ndarray, distance: float) -> None:
    pairs = match(found, annotated, distance)
    apart = cdist(found, annotated) if len(found) and len(annotated) else np.empty((len(found), len(annotated)))
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert (apart[pairs[:, 0], pairs[:, 1]] <= distance).all()
    if not apart.size:
        assert len(pairs) == 0
        return
    most = maximum_bipartite_matching(csr_array(apart <= distance), perm_type="column")
    assert len(pairs) == (most >= 0).sum()
    cost = np.where(apart <= distance, apart, 1e6)
    nearest = cost[linear_sum_assignment(cost)]
    assert apart[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(nearest[nearest < 1e6].sum())


def test_the_order_of_annotations_decides_nothing() -> None:
    found, annotated = np.array([[0.0, 0.0], [5.0, 0.0]]), np.array([[4.0, 0.0], [11.0, 0.0]])
    assert match(found, annotated, 7).tolist() == [[0, 0], [1, 1]]  # the nearest first would find one pair only
    assert match(found, annotated[::-1], 7).tolist() == [[0, 1], [1, 0]]
