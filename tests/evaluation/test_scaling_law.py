from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from mitofm.evaluation.scaling_law import EXPONENTS, ScalingLaw, fit

LABELS = np.array([20.0, 60.0, 200.0, 600.0, 2000.0])
EQUAL = np.ones(5)


@settings(max_examples=60)
@given(st.floats(0.05, 2), st.sampled_from(EXPONENTS[20:160]), st.floats(0, 0.3))
def test_a_law_is_found_again(a: float, b: float, c: float) -> None:
    true = ScalingLaw(np.array([a]), np.array([b]), np.array([c]))
    found = fit(LABELS, np.array([true.error(n) for n in LABELS]).T, EQUAL)
    assert (found.a.item(), found.b.item(), found.c.item()) == pytest.approx((a, b, c), rel=1e-4, abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_no_other_law_fits_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    errors = 0.6 * LABELS**-0.4 + 0.1 + generator.normal(0, 0.02, 5)
    precision = generator.uniform(0.5, 2, 5)
    found = fit(LABELS, errors[None], precision)

    def loss(parameters: np.ndarray) -> float:
        a, b, c = np.abs(parameters)
        return float((precision * (a * LABELS ** -np.clip(b, 0.05, 3) + c - errors) ** 2).sum())

    starts = [(1, 0.5, 0.1), (0.3, 0.2, 0.01), (5, 1.5, 0.2)]
    best = min(minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000}).fun for start in starts)
    # 1e-7: curves 0.0002 apart, which matters only to digits where five points happen to lie on one.
    assert loss(np.array([found.a.item(), found.b.item(), found.c.item()])) <= best * 1.01 + 1e-7


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.45))
def test_labels_for_is_the_inverse_of_error_and_errors_fall(seed: int, error: float) -> None:
    generator = np.random.default_rng(seed)
    law = fit(LABELS, generator.uniform(0.02, 0.5, (8, 5)), EQUAL)
    assert (law.a >= 0).all()
    assert (law.c >= 0).all()
    assert (law.error(100) >= law.error(1000) - 1e-12).all()
    for place, needed in enumerate(law.labels_for(error)):
        if 0 < needed < 1e9:
            assert law.error(needed)[place] == pytest.approx(error)
        elif np.isinf(needed):
            assert law.c[place] >= error
    assert (law.labels_for(error) >= law.labels_for(error + 0.05)).all()


def test_an_error_below_the_asymptote_is_never_reached() -> None:
    law = ScalingLaw(np.array([0.5, 0.0]), np.array([0.5, 0.5]), np.array([0.1, 0.2]))
    assert np.isinf(law.labels_for(0.1)).all()
    assert law.labels_for(0.3) == pytest.approx([6.25, 0.0])


def test_rows_are_fitted_each_by_itself_and_precise_points_count_more() -> None:
    errors = np.array([[0.4, 0.3, 0.25, 0.22, 0.21], [0.5, 0.5, 0.5, 0.5, 0.5]])
    both = fit(LABELS, errors, EQUAL)
    for row in range(2):
        alone = fit(LABELS, errors[row : row + 1], EQUAL)
        assert (both.a[row], both.b[row], both.c[row]) == pytest.approx((alone.a[0], alone.b[0], alone.c[0]))
    outlier = errors[:1] + np.array([0, 0, 0, 0, 0.1])
    away = [abs(fit(LABELS, outlier, np.array([1, 1, 1, 1, w])).error(2000).item() - 0.31) for w in (0.01, 1, 100)]
    assert away == sorted(away, reverse=True)
