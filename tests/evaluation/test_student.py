"""The fast distribution function of Student's t is scipy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr

from mitofm.evaluation.student import Chances


@given(
    degrees=st.lists(st.floats(1, 1e5), min_size=1, max_size=3),
    at=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5),
)
def test_it_is_the_one_of_scipy_at_any_place(degrees: list[float], at: list[float]) -> None:
    rows = np.arange(len(degrees))[::-1]
    places = np.tile(at, (len(degrees), 1))
    found = Chances(np.array(degrees)).accumulate(rows, places)
    np.testing.assert_allclose(found, stdtr(np.array(degrees)[rows, None], places), rtol=0, atol=1e-7)


def test_it_is_exact_where_intervals_end() -> None:
    degrees, at = np.arange(2.0, 600.0), np.tile(np.linspace(-40, 40, 400), (598, 1))
    found = Chances(degrees).accumulate(np.arange(598), at)
    np.testing.assert_allclose(found, stdtr(degrees[:, None], at), rtol=0, atol=2e-12)
