"""What holds for every strategy and every table: no leak, nested fractions, a fixed test part, determinism."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.splits.annotation import Annotation
from mitofm.data.splits.annotation_kfold import AnnotationKFold
from mitofm.data.splits.domain_count import DomainCount
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.leak import check_no_leak
from mitofm.data.splits.leave_one_out import LeaveOneOut
from mitofm.data.splits.make import make
from mitofm.data.splits.part import PARTS, Split, Strategy
from mitofm.data.splits.per_mode import KFoldPerMode
from mitofm.data.splits.single_domain import SingleDomain
from mitofm.ground.errors import Infeasible, MitofmError

COLUMNS = ["sample_id", "slide", "domain", "label", "part", "evaluation_set", "order", "test_chance"]


def random_table(slides: list[int], seed: int) -> pd.DataFrame:
    """Domain d of `slides` has that many slides of 12 to 30 samples; positives are common; rows are in no order."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(slides)), slides)
    slide = np.repeat(np.arange(len(owner)), rng.integers(12, 31, len(owner)))
    table = pd.DataFrame(
        {
            "sample_id": [f"c{i:04d}" for i in range(len(slide))],
            "dataset": "random",
            "slide": [f"s{i:03d}" for i in slide],
            "domain": [f"d{owner[i]}" for i in slide],
            "label": (rng.random(len(slide)) < 0.5).astype(int),
        }
    )
    table["image"] = table["slide"] + ".tiff"
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


# The first domain is large enough to train; the last may be too small, so that test-only domains occur.
tables = st.builds(
    random_table, st.tuples(st.integers(6, 9), st.integers(3, 8), st.integers(1, 4)).map(list), st.integers(0, 999)
)
seeds = st.integers(0, 99)
BY_SLIDE: list[Strategy] = [
    InDomain(name="in_domain"),
    SingleDomain(name="single_domain", domain="d0"),
    LeaveOneOut(name="leave_one_out", domain="d1"),
    KFold(name="kfold", fold=1, folds=3),
    KFoldPerMode(name="per_mode", fold=1, folds=3, mode="lora"),
    DomainCount(name="domain_count", count=1, domain="d1"),
]
EVERY = [*BY_SLIDE, Annotation(name="annotation"), AnnotationKFold(name="annotation_kfold", fold=1, folds=3)]
by_slide = pytest.mark.parametrize("strategy", BY_SLIDE, ids=lambda strategy: strategy.name)
every = pytest.mark.parametrize("strategy", EVERY, ids=lambda strategy: strategy.name)
few = settings(max_examples=10)


def parts(split: Split) -> dict[str, tuple[str, str, int]]:
    """sample_id -> (part, evaluation set, order)."""
    frame = split.frame
    return dict(
        zip(frame["sample_id"], zip(frame["part"], frame["evaluation_set"], frame["order"], strict=True), strict=True)
    )


@by_slide
@few
@given(table=tables, seed=seeds)
def test_no_slide_and_no_image_is_on_two_sides(strategy: Strategy, table: pd.DataFrame, seed: int) -> None:
    frame = make(strategy, table, 1.0, seed).frame.assign(image=table["image"])
    used = frame[frame["part"] != "unused"]
    assert used.groupby("slide")["part"].nunique().max() == 1
    assert used.groupby("image")["part"].nunique().max() == 1


def test_species_and_scanner_stay_with_the_cells_where_they_are_known() -> None:
    table = random_table([6, 3], 0)
    known = table.assign(scanner=np.where(table["domain"] == "d0", "A", "B"))
    frame = make(InDomain(name="in_domain"), known, 1.0, 0).frame
    assert frame.columns.tolist() == [*COLUMNS[:4], "scanner", *COLUMNS[4:]]
    assert frame["scanner"].tolist() == known["scanner"].tolist()


@every
@few
@given(table=tables, seed=seeds, fraction=st.sampled_from([0.2, 0.5, 1.0]))
def test_every_cell_has_one_part_in_table_order(
    strategy: Strategy, table: pd.DataFrame, seed: int, fraction: float
) -> None:
    split = make(strategy, table, fraction, seed)
    assert split.frame.columns.tolist() == COLUMNS
    assert split.frame["sample_id"].tolist() == table["sample_id"].tolist()
    rows = {part: split.rows(part) for part in PARTS}
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(table)))
    assert ((split.frame["evaluation_set"] != "") == (split.frame["part"] == "test")).all()
    order = split.frame["order"].to_numpy()
    for part in ("train", "validation"):
        assert order[rows[part]].tolist() == list(range(len(rows[part])))
    for part in ("test", "unused"):
        assert (order[rows[part]] == -1).all()
        assert (np.diff(rows[part]) > 0).all()


@every
@few
@given(table=tables, seed=seeds, pair=st.tuples(st.floats(0.15, 1.0), st.floats(0.15, 1.0)))
def test_fractions_are_nested_and_leave_the_test_part_alone(
    strategy: Strategy, table: pd.DataFrame, seed: int, pair: tuple[float, float]
) -> None:
    small, large = (make(strategy, table, fraction, seed) for fraction in sorted(pair))
    for part in ("train", "validation"):
        bought = small.rows(part)
        assert bought.tolist() == large.rows(part)[: len(bought)].tolist()
    for column in ("part", "evaluation_set"):
        tested = small.frame["part"] == "test"
        assert tested.tolist() == (large.frame["part"] == "test").tolist()
        assert small.frame.loc[tested, column].tolist() == large.frame.loc[tested, column].tolist()


@every
@few
@given(table=tables, seed=seeds)
def test_every_training_prefix_keeps_the_class_proportion(strategy: Strategy, table: pd.DataFrame, seed: int) -> None:
    split = make(strategy, table, 1.0, seed)
    for part in ("train", "validation"):
        labels = split.frame["label"].to_numpy()[split.rows(part)]
        assert np.abs(np.cumsum(labels) - labels.mean() * np.arange(1, len(labels) + 1)).max() < 1


@every
@few
@given(table=tables, seed=seeds, shuffle=seeds)
def test_the_order_of_the_rows_does_not_matter(
    strategy: Strategy, table: pd.DataFrame, seed: int, shuffle: int
) -> None:
    other = table.sample(frac=1, random_state=shuffle)
    split, again = make(strategy, table, 0.5, seed), make(strategy, other, 0.5, seed)
    assert parts(split) == parts(again)
    assert again.frame["sample_id"].tolist() == other["sample_id"].tolist()
    assert split.test_only == again.test_only


@few
@given(table=tables, seed=seeds)
def test_strategies_share_their_test_slides(table: pd.DataFrame, seed: int) -> None:
    def tested(strategy: Strategy) -> set[str]:
        frame = make(strategy, table, 1.0, seed).frame
        return set(frame.loc[frame["part"] == "test", "slide"])

    in_domain = tested(InDomain(name="in_domain"))
    assert tested(SingleDomain(name="single_domain", domain="d0")) == in_domain
    others = set(table.loc[table["domain"] == "d0", "slide"])
    assert tested(LeaveOneOut(name="leave_one_out", domain="d1")) & others == in_domain & others


@few
@given(table=tables, seed=seeds)
def test_a_domain_draws_alone(table: pd.DataFrame, seed: int) -> None:
    alone = table[table["domain"] == "d0"]
    strategy = InDomain(name="in_domain")
    sides = {name: part for name, (part, _, _) in parts(make(strategy, table, 1.0, seed)).items()}
    assert {name: sides[name] for name in alone["sample_id"]} == {
        name: part for name, (part, _, _) in parts(make(strategy, alone, 1.0, seed)).items()
    }


@few
@given(table=tables, seed=seeds)
def test_a_domain_trains_with_five_cells_of_each_class_everywhere_or_is_test_only(
    table: pd.DataFrame, seed: int
) -> None:
    split = make(InDomain(name="in_domain"), table, 1.0, seed)
    for domain, samples in split.frame.groupby("domain"):
        if domain in split.test_only:
            assert (samples["evaluation_set"] == "out_of_domain").all()
        else:
            assert (
                samples.groupby(["part", "label"])
                .size()
                .reindex(pd.MultiIndex.from_product([["train", "validation", "test"], [0, 1]]), fill_value=0)
                .min()
                >= 5
            )


@every
def test_seeds_differ_and_seed_zero_is_one(strategy: Strategy) -> None:
    table = random_table([9, 8, 8], seed=1)
    tests = {frozenset(make(strategy, table, 1.0, seed).rows("test")) for seed in range(5)}
    assert len(tests) >= 4
    assert parts(make(strategy, table, 0.5, 0)) == parts(make(strategy, table, 0.5, 0))


def test_the_strategy_annotation_leaks_and_the_check_sees_it() -> None:
    table = random_table([6, 6], seed=2)
    strategy = Annotation(name="annotation")
    assert strategy.leaks
    split = make(strategy, table, 1.0, 0)
    with pytest.raises(
        MitofmError, match=r"leak: slide 's000' is on two sides, test and train and validation \(12 such"
    ):
        check_no_leak(table, split.frame["part"].to_numpy(dtype=object))


def test_an_image_on_two_sides_is_a_leak_though_its_slides_are_not() -> None:
    table = random_table([6, 6], seed=2).assign(image="one.tiff")
    with pytest.raises(MitofmError, match=r"leak: image 'one.tiff' is on two sides, test and train and validation"):
        make(InDomain(name="in_domain"), table, 1.0, 0)


def test_cells_that_were_not_bought_are_no_leak() -> None:
    table = pd.DataFrame({"slide": ["a", "a", "b"], "image": ["a", "a", "b"]})
    check_no_leak(table, np.array(["train", "unused", "test"], dtype=object))


def test_training_without_a_class_is_infeasible() -> None:
    table = random_table([8], seed=3)
    with pytest.raises(Infeasible, match=r"split 'in_domain' \(all\) at seed 0, fraction 0.001: training holds"):
        make(InDomain(name="in_domain"), table, 0.001, 0)
    with pytest.raises(
        Infeasible, match=r"0 positive and 0 negative samples and needs both. Domains too small to train on: d0, d1"
    ):
        make(InDomain(name="in_domain"), random_table([2, 2], seed=3), 1.0, 0)


def test_rows_of_an_unknown_part_are_refused() -> None:
    split = make(InDomain(name="in_domain"), random_table([8], seed=3), 1.0, 0)
    with pytest.raises(MitofmError, match="unknown part 'val' in a split"):
        split.rows("val")


def test_where_no_slide_is_known_each_image_is_the_unit_and_the_split_says_so() -> None:
    table = random_table([7], seed=0)
    assert make(BY_SLIDE[0], table, 1.0, 0).slide_unit == "slide"
    alone = table.assign(slide=table["sample_id"], image=table["sample_id"])
    assert make(BY_SLIDE[0], alone, 1.0, 0).slide_unit == "image"


def test_slides_of_one_patient_in_two_domains_cannot_be_divided_by_domain() -> None:
    samples = random_table([5, 5], 0)
    samples["unit"] = samples["slide"].where(~samples["slide"].isin(["s000", "s005"]), "patient")
    with pytest.raises(
        Infeasible, match=r"slides of one patient, .*lie in more than one domain: those of 'patient' in 'd0', 'd1'"
    ):
        make(InDomain(name="in_domain"), samples, 1.0, 0)
    assert set(make(KFold(name="kfold", folds=2), samples, 1.0, 0).frame["part"]) >= {"train", "test"}
