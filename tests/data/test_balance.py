from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.balance import SAMPLERS, find_chances, group_samples, weigh_samples
from mitofm.data.order import StepOrder
from mitofm.training.settings import Fit

CELLS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from("abc")), min_size=2, max_size=60).filter(
    lambda samples: len({label for label, _ in samples}) == 2
)


def test_every_sampler_can_be_asked_for() -> None:
    assert set(SAMPLERS) == set(get_args(get_type_hints(Fit)["sampler"]))


@given(samples=CELLS, sampler=st.sampled_from(list(SAMPLERS)))
def test_groups_part_the_cells(samples: list[tuple[int, str]], sampler: str) -> None:
    table = pd.DataFrame(samples, columns=["label", "domain"], index=range(100, 100 + len(samples)))
    found = group_samples(table, sampler)
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(samples)))
    for name, members in found.items():
        assert {tuple(map(str, one)) for one in table.iloc[members][SAMPLERS[sampler]].to_numpy()} == {name}


@given(samples=CELLS, sampler=st.sampled_from(list(SAMPLERS)), column=st.sampled_from(["label", "domain"]))
def test_weights_balance_what_is_drawn(samples: list[tuple[int, str]], sampler: str, column: str) -> None:
    table = pd.DataFrame(samples, columns=["label", "domain"])
    drawn = group_samples(table, sampler)
    weight = weigh_samples(table, drawn, [column])
    probability = np.zeros(len(table))
    for members in drawn.values():
        probability[members] = 1 / len(drawn) / len(members)
    assert find_chances(drawn) == pytest.approx(probability)
    sums = pd.Series(weight * probability).groupby(table[column]).sum()
    assert np.allclose(sums, 1 / len(sums), rtol=1e-5)
    if sampler == column or (sampler == "class" and column == "label"):
        assert np.allclose(weight, 1, rtol=1e-6)  # balanced once, not twice


@settings(max_examples=25)
@given(samples=CELLS, sampler=st.sampled_from(list(SAMPLERS)))
def test_classes_and_domains_are_balanced_at_once(samples: list[tuple[int, str]], sampler: str) -> None:
    both = [(label, domain) for label in (0, 1) for domain in "abc"]  # of each domain both classes, however unequal
    table = pd.DataFrame(samples + both, columns=["label", "domain"])
    drawn = group_samples(table, sampler)
    shares = weigh_samples(table, drawn, ["label", "domain"]) * find_chances(drawn)
    for column in ("label", "domain"):
        sums = pd.Series(shares).groupby(table[column]).sum()
        assert np.allclose(sums, 1 / len(sums), rtol=1e-5)


def test_domains_that_forbid_equal_classes_are_balanced_each_by_itself() -> None:
    table = pd.DataFrame({"label": [0] * 6 + [1, 0, 0], "domain": ["a"] * 3 + ["b"] * 3 + ["c"] * 3})
    weight = weigh_samples(table, group_samples(table, "natural"), ["label", "domain"])
    assert weight == pytest.approx([0.5625] * 6 + [4.5, 0.5625, 0.5625])


def test_natural_draws_weigh_classes_as_scikit_learn_does() -> None:
    table = pd.DataFrame({"label": [0, 0, 0, 1], "domain": "a"})
    assert weigh_samples(table, group_samples(table, "natural"), ["label"]) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert (weigh_samples(table, group_samples(table, "natural"), []) == 1).all()


def test_a_rare_class_is_drawn_as_often_as_a_common_one() -> None:
    table = pd.DataFrame({"label": [0] * 90 + [1] * 10, "domain": "a"})
    steps = StepOrder(100, 16, 60, 0, groups=group_samples(table, "class"))
    drawn = np.array([sample for step in steps for sample, _ in step])
    assert (table["label"].to_numpy()[drawn]).mean() == pytest.approx(0.5, abs=0.01)
    assert set(drawn) == set(range(100))
