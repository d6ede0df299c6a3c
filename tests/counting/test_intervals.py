"""Intervals of counts are the published ones, and hold what they promise."""

import numpy as np
import pytest

from mitofm.counting.intervals import count_interval, density_interval


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)])
def test_a_count_has_the_exact_interval_of_poisson(count: int, low: float, high: float) -> None:
    assert count_interval(count) == pytest.approx((low, high), abs=1e-3)  # Garwood's table


@pytest.mark.parametrize(
    ("fields", "shape", "least"), [(8, np.inf, 0.94), (12, 2.0, 0.93), (40, 2.0, 0.93), (12, 0.5, 0.89)]
)
def test_an_interval_over_fields_holds_the_density(fields: int, shape: float, least: float) -> None:
    rng, rate, held, repetitions = np.random.default_rng(1), 5.0, 0, 1500
    areas = np.full(fields, 0.25)
    for _ in range(repetitions):
        density = rate * (rng.gamma(shape, 1 / shape, fields) if np.isfinite(shape) else np.ones(fields))
        low, high, _ = density_interval(rng.poisson(density), areas)
        held += low <= rate / 0.25 <= high
    assert held / repetitions >= least


def test_uneven_fields_widen_it_and_few_do_not() -> None:
    areas = np.ones(8)
    even, uneven = (density_interval(np.array(counts), areas) for counts in ([5] * 8, [0] * 7 + [40]))
    assert uneven[1] - uneven[0] > 2 * (even[1] - even[0])
    assert even[:2] == pytest.approx([end / 8 for end in count_interval(40)])
    assert density_interval(np.array([0, 40]), np.ones(2)) == (*(end / 2 for end in count_interval(40)), "Poisson")
    assert density_interval(np.zeros(8, int), areas)[:2] == pytest.approx((0, 3.689 / 8), abs=1e-3)


def test_a_figure_in_a_sliver_of_tissue_is_no_crowd() -> None:
    counts, areas = np.array([5] * 8 + [1, 0]), np.array([1.0] * 8 + [1e-4, 0.0])
    low, high, kind = density_interval(counts, areas)
    assert kind == "over 8 fields"
    assert (low, high) == pytest.approx([end / areas.sum() for end in count_interval(41)])
