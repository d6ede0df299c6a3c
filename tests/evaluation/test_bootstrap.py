from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mitofm.evaluation import bootstrap, metrics
from mitofm.evaluation.replicates import replicate


def table(generator: np.random.Generator, samples: int, slides: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": np.arange(samples),
            "slide": generator.integers(0, slides, samples).astype(str),
            "label": generator.integers(0, 2, samples),
            "logit": generator.integers(-4, 4, samples) / 2,
        }
    )


def repeated(seed: pd.DataFrame, slides: list[str], weights: np.ndarray) -> pd.DataFrame:
    """The samples of a draw, written out one by one."""
    return pd.concat([seed[seed["slide"] == slide] for slide, k in zip(slides, weights, strict=True) for _ in range(k)])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 30))
def test_a_draw_is_its_slides_with_all_their_samples_in_all_seeds(seed: int, slides: int, samples: int) -> None:
    generator = np.random.default_rng(seed)
    seeds = [table(generator, samples, slides) for _ in range(2)]
    names = [str(slide) for slide in range(slides)]
    weights = bootstrap.draw_slides(slides, generator, count=4)
    assert (weights.sum(axis=1) == slides).all()
    drawn = [
        metrics.measure(one["label"].to_numpy(), one["logit"].to_numpy(), 0.5, weights[:, one["slide"].astype(int)])
        for one in seeds
    ]
    for row, weight in enumerate(weights.astype(int)):
        parts = [repeated(one, names, weight) for one in seeds if weight[one["slide"].astype(int)].any()]
        parts = [part for part in parts if part["label"].nunique() == 2]
        for name, reference in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
            each = [reference(part["label"], part["logit"]) for part in parts]
            known = [values[name][row] for values in drawn if np.isfinite(values[name][row])]
            assert known == pytest.approx(each)


def test_draws_to_first_order_are_near_those_that_are_measured(simulation) -> None:
    seeds = simulation.seeds(np.random.default_rng(0), 40, seeds=2)
    slides = sorted(seeds[0]["slide"].unique())
    weights = bootstrap.draw_slides(len(slides), np.random.default_rng(1), count=300)
    exact = np.mean(
        [
            metrics.measure(
                one["label"].to_numpy(),
                one["logit"].to_numpy(),
                0.0,
                weights[:, pd.Index(slides).get_indexer(one["slide"])],
            )["auroc"]
            for one in seeds
        ],
        axis=0,
    )
    near = bootstrap.values_of_draws({place: replicate(seed, 0.0) for place, seed in enumerate(seeds)}, slides, weights)
    assert np.corrcoef(exact, near)[0, 1] > 0.98
    assert near.std() == pytest.approx(exact.std(), rel=0.1)
    assert bootstrap.name_slides([{0: replicate(seeds[0], 0.0)}, {0: replicate(seeds[1], 0.0)}]) == slides
