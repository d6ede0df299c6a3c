"""Non-maximum suppression does what its definition says, point by point."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.counting.merging import suppress

ENTRIES = st.lists(st.tuples(*[st.integers(0, 9)] * 2, st.integers(0, 3)), max_size=25).map(
    lambda entries: np.array(entries, float).reshape(-1, 3)
)


def suppress_slowly(points: np.ndarray, scores: np.ndarray, distance: float) -> list[int]:
    """By the definition: the best of those that are left stays, and all within the distance of it go."""
    left = list(range(len(points)))
    kept = []
    while left:
        best = min(left, key=lambda i: (-scores[i], points[i][1], points[i][0], i))
        kept.append(best)
        left = [i for i in left if i != best and np.hypot(*(points[i] - points[best])) > distance]
    return kept


@settings(max_examples=300)
@given(ENTRIES, st.sampled_from([0.0, 1.0, 2.0, 3.5, 20.0]))
def test_it_equals_its_definition(entries: np.ndarray, distance: float) -> None:
    points, scores = entries[:, :2], entries[:, 2]
    assert suppress(points, scores, distance).tolist() == suppress_slowly(points, scores, distance)


def test_many_points_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 3000, (20_000, 2))
    kept = suppress(points, rng.normal(size=len(points)), 7.5)
    assert 5_000 < len(kept) < 20_000
