"""The strategies that exist to measure a confounder, and those that studies need: what is equal, and what differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.splits.annotation_kfold import AnnotationKFold
from mitofm.data.splits.domain_count import DomainCount
from mitofm.data.splits.external_folds import ExternalFolds
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.make import make
from mitofm.data.splits.one_sided_leak import OneSidedLeak
from mitofm.data.splits.part import Split, Strategy
from mitofm.data.splits.per_mode import AnnotationPerMode, KFoldPerMode
from mitofm.data.splits.single_domain import SingleDomain
from mitofm.ground.errors import Infeasible, MitofmError

from .test_splits import random_table

few = settings(max_examples=4)
seeds = st.integers(0, 99)


def named(split: Split, part: str, evaluation_set: str = "") -> set[str]:
    frame = split.frame
    return set(frame.loc[(frame["part"] == part) & (frame["evaluation_set"] == evaluation_set), "sample_id"])


def slides(split: Split, part: str) -> set[str]:
    return set(split.frame.loc[split.frame["part"] == part, "slide"])


@few
@given(seed=seeds)
def test_over_the_folds_both_kinds_test_every_cell_once_and_only_one_has_its_slide_in_training(seed: int) -> None:
    table = random_table([9, 8], seed=seed)
    strategies: list[type[KFold]] = [KFold, AnnotationKFold]
    for kind in strategies:
        splits = [make(kind(name="x", fold=fold), table, 1.0, seed) for fold in range(5)]
        tested = [sample for split in splits for sample in sorted(named(split, "test", "in_domain"))]
        assert sorted(tested) == sorted(table["sample_id"])
        for split in splits:
            seen = slides(split, "test") <= slides(split, "train")
            assert seen == (kind is AnnotationKFold)
            assert split.frame.groupby("part")["label"].mean().between(0.3, 0.7).all()


@few
@given(seed=seeds)
def test_a_one_sided_leak_leaks_inside_and_leaves_the_outside_as_it_is(seed: int) -> None:
    table = random_table([9, 8], seed=seed)
    clean = make(SingleDomain(name="single_domain", domain="d0"), table, 1.0, seed)
    leaky = make(OneSidedLeak(name="one_sided_leak", domain="d0"), table, 1.0, seed)
    assert named(leaky, "test", "out_of_domain") == named(clean, "test", "out_of_domain")
    inside = leaky.frame[leaky.frame["evaluation_set"] == "in_domain"]
    assert set(inside["slide"]) <= slides(leaky, "train")
    assert set(inside["domain"]) == {"d0"}


@pytest.mark.parametrize("kind", [KFoldPerMode, AnnotationPerMode])
def test_each_mode_is_tested_on_cells_of_its_own_and_always_on_the_same(kind: type) -> None:
    table = random_table([9, 8], seed=0)
    tested = {
        mode: named(make(kind(name="x", mode=mode), table, 1.0, 0), "test", "in_domain") for mode in ("lora", "full")
    }
    assert tested["lora"] != tested["full"]
    assert tested["lora"] == named(make(kind(name="x", mode="lora"), table, 0.5, 0), "test", "in_domain")


@few
@given(seed=seeds)
def test_every_count_of_domains_trains_on_as_many_cells_and_tests_on_the_same(seed: int) -> None:
    table = random_table([9, 8, 10, 9], seed=seed)
    splits = [make(DomainCount(name="x", count=count, domain="d1"), table, 1.0, seed) for count in (1, 2, 3)]
    for part in ("train", "validation"):
        assert len({len(split.rows(part)) for split in splits}) == 1
    for tests in ("in_domain", "out_of_domain"):
        assert len({frozenset(named(split, "test", tests)) for split in splits}) == 1
    assert len({frozenset(named(split, "validation")) for split in splits}) == 1
    assert len({len(slides(split, "train")) for split in splits}) == 1
    trained = [split.frame.loc[split.rows("train"), "domain"].value_counts() for split in splits]
    assert [len(counts) for counts in trained] == [1, 2, 3]
    assert all(counts.max() - counts.min() <= 1 for counts in trained)
    assert set(trained[0].index) < set(trained[1].index) < set(trained[2].index) == {"d0", "d2", "d3"}
    assert set(splits[0].frame.loc[splits[0].frame["evaluation_set"] == "in_domain", "domain"]) == set(trained[0].index)


@few
@given(seed=seeds, number=st.integers(3, 4))
def test_a_number_of_slides_can_be_asked_for_at_every_count(seed: int, number: int) -> None:
    table = random_table(
        [9, 8, 5, 9], seed=seed
    )  # the small domain has half of them in training, and is never the first
    splits = [make(DomainCount(name="x", count=c, domain="d1", slides=number), table, 1.0, seed) for c in (1, 2, 3)]
    assert [len(slides(split, "train")) for split in splits] == [number] * 3
    assert len({len(split.rows("train")) for split in splits}) == 1
    positive = [int(split.frame["label"].to_numpy()[split.rows("train")].sum()) for split in splits]
    assert min(positive) > 0
    with pytest.raises(
        Infeasible, match=r"split.count=2 at 9 training slides \(split.slides\).*Training slides there are: d0"
    ):
        make(DomainCount(name="x", count=2, domain="d1", slides=9), table, 1.0, seed)
    with pytest.raises(MitofmError, match=r"split.slides=1: give null, or at least one for each of 2 domains"):
        DomainCount(name="x", count=2, domain="d1", slides=1)


def test_more_domains_than_can_train_are_infeasible() -> None:
    table = random_table([9, 8, 1], seed=0)
    with pytest.raises(Infeasible, match=r"split.count=2: besides 'd1' only 1 can train: d0"):
        make(DomainCount(name="x", count=2, domain="d1"), table, 1.0, 0)
    with pytest.raises(MitofmError, match=r"split.count=0: give a number of domains"):
        DomainCount(name="x", count=0, domain="d1")


def test_external_folds_validate_on_each_fold_once_and_test_on_the_same_three_sets() -> None:
    table = random_table([20, 5], seed=0)
    table["dataset"] = np.where(table["domain"] == "d0", "A", "B")
    more = random_table([4], seed=1).assign(dataset="C")
    more[["sample_id", "slide", "image"]] = "c" + more[["sample_id", "slide", "image"]]
    table = pd.concat([table, more], ignore_index=True)
    strategy: list[Strategy] = [
        ExternalFolds(name="x", train_on="A", test_on=["B", "C"], fold=fold, folds=4) for fold in range(4)
    ]
    splits = [make(one, table, 1.0, 7) for one in strategy]
    for tests, dataset in (("in_domain", "A"), ("B", "B"), ("C", "C")):
        samples = {frozenset(named(split, "test", tests)) for split in splits}
        assert len(samples) == 1
        assert set(table.set_index("sample_id").loc[list(next(iter(samples))), "dataset"]) == {dataset}
    held_out = named(splits[0], "test", "in_domain")
    validated = sorted(sample for split in splits for sample in named(split, "validation"))
    assert validated == sorted(set(table.loc[table["dataset"] == "A", "sample_id"]) - held_out)
    assert 0.1 < len(held_out) / (table["dataset"] == "A").sum() < 0.3
    with pytest.raises(MitofmError, match=r"unknown split.fold '4' in split.folds=4"):
        ExternalFolds(name="x", train_on="A", test_on="B", fold=4, folds=4)
    with pytest.raises(MitofmError, match=r"split.test_share=0.7: give a share above 0, and at most a half"):
        ExternalFolds(name="x", train_on="A", test_on="B", test_share=0.7)


def test_external_folds_hold_out_any_slide_at_some_seed_and_none_at_every_one() -> None:
    table = random_table([20, 5], seed=0).assign(dataset=lambda samples: samples["domain"])
    large = table[table["slide"] == "s000"]  # with most samples: of grouped folds by size it was always in the first
    more = [large.assign(sample_id=f"more{copy}" + large["sample_id"]) for copy in range(5)]
    table = pd.concat([table, *more], ignore_index=True)
    strategy = ExternalFolds(name="x", train_on="d0", test_on="d1")
    splits = [make(strategy, table, 1.0, seed) for seed in range(40)]
    held_out = [set(split.frame.loc[split.frame["evaluation_set"] == "in_domain", "slide"]) for split in splits]
    assert set.union(*held_out) == set(table.loc[table["domain"] == "d0", "slide"])
    assert not set.intersection(*held_out)
