from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from mitofm.evaluation import permutation
from mitofm.evaluation.permutation import measure_contributions, permute_slides


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_signs_of_slides_give_the_difference_after_an_exchange_written_out(seed: int) -> None:
    generator = np.random.default_rng(seed)
    slide, label = generator.integers(0, 3, 24).astype(str), generator.permutation([0, 1] * 12)
    first, second = (
        pd.DataFrame({"sample_id": range(24), "slide": slide, "label": label, "logit": generator.integers(0, 9, 24)})
        for _ in range(2)
    )
    found = measure_contributions(first, second)
    ranks = [rankdata(side["logit"]) for side in (first, second)]
    for signs in itertools.product([1, -1], repeat=len(found)):
        kept = np.isin(slide, found.index[np.array(signs) == 1])
        one, other = (np.where(kept, ranks[a], ranks[b]) for a, b in ((0, 1), (1, 0)))
        expected = roc_auc_score(label, one) - roc_auc_score(label, other)
        assert (found.to_numpy() * signs).sum() == pytest.approx(expected, abs=1e-12)


def test_it_holds_its_level_where_models_are_equal_and_finds_one_that_is_better(simulation, monkeypatch) -> None:
    monkeypatch.setattr(permutation, "PERMUTATIONS", 999)
    generator = np.random.default_rng(0)
    null, power = [], []
    for _ in range(200):
        first, second = simulation.seeds(generator, 12, seeds=2)
        null.append(permute_slides({0: first}, {0: second}, generator))
        worse = second.assign(logit=second["logit"] + generator.normal(0, 1.5, len(second)))
        power.append(permute_slides({0: first}, {0: worse}, generator))
    assert 0.02 <= np.mean(np.array(null) < 0.05) <= 0.08
    assert np.mean(np.array(null) < 0.5) == pytest.approx(0.5, abs=0.09)
    assert np.mean(np.array(power) < 0.05) > 0.8


def test_equal_scores_have_p_1_and_a_scale_does_not_matter(simulation) -> None:
    first, second = simulation.seeds(np.random.default_rng(1), 10, seeds=2)
    rng = np.random.default_rng
    assert permute_slides({0: first}, {0: first.assign(logit=first["logit"] * 9)}, rng(0)) == 1
    scaled = second.assign(logit=np.exp(second["logit"])).sample(frac=1, random_state=0)
    assert permute_slides({0: first}, {0: second}, rng(0)) == permute_slides({0: first}, {0: scaled}, rng(0))


def test_a_slide_changes_sides_in_all_seeds_at_once(simulation) -> None:
    first, second = simulation.seeds(np.random.default_rng(2), 10, seeds=2)
    once = permute_slides({0: first}, {0: second}, np.random.default_rng(0))
    thrice = permute_slides(dict.fromkeys(range(3), first), dict.fromkeys(range(3), second), np.random.default_rng(0))
    assert thrice == once
    assert permute_slides({0: first}, {1: second}, np.random.default_rng(0)) is None
