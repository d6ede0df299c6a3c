from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.synthesis.shapes import draw_depth, draw_noise, draw_windows, soften, sum_blobs


@settings(max_examples=15)
@given(radius=st.floats(20, 48), elongation=st.floats(1, 2.5), angle=st.floats(0, 3.14))
def test_an_outline_without_wobble_has_the_area_of_its_disc(radius: float, elongation: float, angle: float) -> None:
    inside = draw_depth(
        np.random.default_rng(0), 256, np.array([radius]), np.array([elongation]), np.array([angle]), wobble=0.0
    )
    assert (inside > 0).sum() == pytest.approx(np.pi * radius**2, rel=0.02)


def test_elongation_and_angle_point_the_long_axis() -> None:
    (inside,) = draw_depth(np.random.default_rng(0), 64, np.array([10.0]), np.array([3.0]), np.array([0.0]), wobble=0.0)
    y, x = np.nonzero(inside > 0)
    assert np.ptp(x) > 2.5 * np.ptp(y)


def test_noise_is_standardised_and_smooth_over_its_grain() -> None:
    field = draw_noise(np.random.default_rng(0), (128, 96), grain=8.0)
    assert field.shape == (128, 96)
    assert (field.mean(), field.std()) == pytest.approx((0, 1), abs=1e-3)
    assert np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1] > 0.9


def test_windows_are_parts_of_their_field() -> None:
    field = np.arange(30 * 40).reshape(30, 40)
    for window in draw_windows(np.random.default_rng(0), field, 20, 8):
        top, left = divmod(int(window[0, 0]), 40)
        np.testing.assert_array_equal(window, field[top : top + 8, left : left + 8])


def test_a_clump_peaks_at_its_blobs_and_leaves_out_those_of_size_zero() -> None:
    points = np.array([[[6.5, -3.5], [-9.5, 9.5]]])
    (field,) = sum_blobs(points, np.array([[1.5, 0.0]]), 32)
    assert np.unravel_index(field.argmax(), field.shape) == (12, 22)
    assert field.max() == pytest.approx(1)
    assert field[25, 6] < 1e-6


def test_a_soft_mask_is_half_at_the_border_and_never_overflows() -> None:
    np.testing.assert_allclose(soften(np.array([-1e6, 0.0, 1e6]), 0.5), [0, 0.5, 1], atol=1e-9)
