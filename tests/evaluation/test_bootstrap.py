from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mitofm.evaluation import bootstrap, statistics
from mitofm.evaluation.replicates import replicates


def table(generator: np.random.Generator, cells: int, slides: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": np.arange(cells),
            "slide": generator.integers(0, slides, cells).astype(str),
            "label": generator.integers(0, 2, cells),
            "logit": generator.integers(-4, 4, cells) / 2,
        }
    )


def repeated(seed: pd.DataFrame, slides: list[str], weights: np.ndarray) -> pd.DataFrame:
    """The cells of a draw, written out one by one."""
    return pd.concat([seed[seed["slide"] == slide] for slide, k in zip(slides, weights, strict=True) for _ in range(k)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 30))
def test_a_draw_is_its_slides_with_all_their_cells_in_all_seeds(seed: int, slides: int, cells: int) -> None:
    generator = np.random.default_rng(seed)
    seeds = [table(generator, cells, slides) for _ in range(2)]
    names = [str(slide) for slide in range(slides)]
    weights = bootstrap.drawn(slides, generator, count=4)
    assert (weights.sum(axis=1) == slides).all()
    found = bootstrap.of_draws(seeds, [0.5, 0.5], names, weights)
    by_matrix = bootstrap.auroc_of_draws(seeds, names, weights)
    for row, weight in enumerate(weights.astype(int)):
        parts = [repeated(one, names, weight) for one in seeds if weight[one["slide"].astype(int)].any()]
        parts = [part for part in parts if part["label"].nunique() == 2]
        for name, reference in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
            each = [reference(part["label"], part["logit"]) for part in parts]
            assert found[name][row] == pytest.approx(np.mean(each) if each else np.nan, nan_ok=True)
        assert by_matrix[row] == pytest.approx(found["auroc"][row], nan_ok=True)


def test_drawing_every_slide_once_gives_the_estimate(simulation) -> None:
    seeds = simulation.seeds(np.random.default_rng(0), 12, seeds=2)
    slides = sorted(seeds[0]["slide"].unique())
    found = statistics.estimate([replicates(seed, 0.5) for seed in seeds])
    assert bootstrap.auroc_of_draws(seeds, slides, np.ones((1, 12))).item() == pytest.approx(found.value)


def test_the_percentile_interval_is_near_the_logit_t_interval_where_there_are_many_slides(simulation) -> None:
    seeds = simulation.seeds(np.random.default_rng(1), 100, seeds=2)
    slides = sorted(seeds[0]["slide"].unique())
    found = statistics.estimate([replicates(seed, 0.5) for seed in seeds])
    draws = bootstrap.auroc_of_draws(seeds, slides, bootstrap.drawn(100, np.random.default_rng(2)))
    interval = bootstrap.percentile(found, draws)
    width = found.high - found.low
    assert interval.low == pytest.approx(found.low, abs=0.15 * width)
    assert interval.high == pytest.approx(found.high, abs=0.15 * width)
    assert draws.std() == pytest.approx(found.standard_error, rel=0.1)


def test_no_interval_under_six_slides(simulation) -> None:
    seeds = simulation.seeds(np.random.default_rng(3), 5)
    found = statistics.estimate([replicates(seed, 0.5) for seed in seeds])
    assert bootstrap.percentile(found, np.linspace(0, 1, 50)) == found
