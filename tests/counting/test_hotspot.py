"""The hotspot holds as many points as any window does, wherever brute force looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.counting.hotspot import compute_sides, find_hotspot

COORDINATES = st.one_of(st.integers(0, 12).map(float), st.floats(0, 12, allow_subnormal=False))
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=25).map(np.array)
SIDES = st.sampled_from([0.0, 0.3, 1.0, 2.5, 4.0, 30.0])


def count_most(points: np.ndarray, width: float, height: float) -> int:
    """The most points of a window whose left edge and top edge pass through points: every pair of them."""
    x, y = points.T
    across = (x[:, None] >= x) & (x[:, None] - width <= x)  # [point, left edge]
    down = (y[:, None] >= y) & (y[:, None] - height <= y)
    return int(np.einsum("ia,ib->ab", across.astype(int), down.astype(int)).max())


@settings(max_examples=300)
@given(POINTS, SIDES, SIDES)
def test_no_window_holds_more(points: np.ndarray, width: float, height: float) -> None:
    found = find_hotspot(points, width, height, (12.0, 12.0))
    assert found is not None
    assert found.count == count_most(points, width, height)
    held = points[found.rows]
    slack = 1e-9  # of centring the window on its points
    assert (held >= np.array([found.left, found.top]) - slack).all()
    assert (held <= np.array([found.left + width, found.top + height]) + slack).all()


@settings(max_examples=50)
@given(POINTS, SIDES, SIDES)
def test_it_lies_in_the_image_if_it_fits(points: np.ndarray, width: float, height: float) -> None:
    found = find_hotspot(points, width, height, (12.0, 12.0))
    assert found is not None
    for edge, side in ((found.left, width), (found.top, height)):
        assert 0 <= edge <= 12 - side if side < 12 else edge == (12 - side) / 2


def test_it_beats_a_coarse_grid() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 20, (400, 2))
    found = find_hotspot(points, 4, 3, (20, 20))
    assert found is not None
    grid = [
        ((points >= corner) & (points <= corner + np.array([4, 3]))).all(axis=1).sum()
        for corner in np.stack(np.meshgrid(range(17), range(18)), axis=-1).reshape(-1, 2)
    ]
    assert found.count > max(grid)


def test_ten_thousand_points_take_a_moment() -> None:
    points = np.random.default_rng(0).uniform(0, 30_000, (10_000, 2))
    found = find_hotspot(points, *compute_sides(2.0, (4, 3)), (30_000, 30_000))
    assert found is not None
    assert found.count > 10_000 * 2 / 900


def test_its_sides_have_the_area_and_the_aspect() -> None:
    width, height = compute_sides(2.0, (4, 3))
    assert width * height / 1e6 == pytest.approx(2.0)
    assert width / height == pytest.approx(4 / 3)


def test_without_points_there_is_none() -> None:
    assert find_hotspot(np.empty((0, 2)), 1, 1, (5, 5)) is None
