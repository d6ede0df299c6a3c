from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from mitofm.evaluation.kendall import measure_tau


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_tau_is_that_of_scipy_for_each_row_ties_or_not(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 5, (2, 3, count)).astype(float) if seed % 2 else rng.normal(size=(2, 3, count))
    expected = [kendalltau(one, other).statistic for one, other in zip(first, second, strict=True)]
    assert measure_tau(first, second) == pytest.approx(expected, nan_ok=True)
