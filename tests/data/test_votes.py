"""Votes of experts: shares to learn from, agreement to report by, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mitofm.data.annotations import UNKNOWN
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.make import make
from mitofm.data.votes import add_targets, agreement, find_contradicted, require_votes
from mitofm.ground.errors import Infeasible, MitofmError

TABLE = pd.DataFrame(
    {
        "sample_id": list("abcdef"),
        "dataset": "of its authors",
        "label": [0, 1, 1, 0, 1, 0],
        "votes_positive": [0.0, 3, 2, 1, 2, 0],
        "votes": [3.0, 3, 3, 3, 4, 1],
    }
)


def frame(**columns: Any) -> pd.DataFrame:
    return TABLE[["sample_id", "label"]].assign(part="train", **columns)


def test_targets_are_shares_whatever_the_order_and_background_keeps_its_label() -> None:
    background = pd.DataFrame({"sample_id": ["a-background-0"], "label": [0], "part": ["train"]})
    shuffled = pd.concat([frame().iloc[[4, 1, 0, 3]], background], ignore_index=True)
    assert add_targets(shuffled, TABLE)["target"].tolist() == [0.5, 1, 0, 1 / 3, 0]


def test_experts_agree_divide_or_cannot_tell() -> None:
    assert agreement(TABLE).tolist() == ["unanimous", "unanimous", "divided", "divided", "divided", ""]
    joined = TABLE.assign(votes_positive=np.nan, votes=np.nan)  # with a set that has none
    assert set(agreement(joined)) == {""}


def test_a_label_against_most_votes_is_told_and_a_tie_is_none() -> None:
    assert not find_contradicted(TABLE).any()
    assert find_contradicted(TABLE.assign(label=[1, 0, 1, 0, 0, 0])).tolist() == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert not find_contradicted(TABLE.assign(label=UNKNOWN)).any()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (TABLE.drop(columns=["votes_positive", "votes"]), r"6 of the 6 samples of data set 's' have no votes"),
        (TABLE.assign(votes=[np.nan, 3, 3, 3, 4, 1]), r"fit.labels=votes: 1 of the 6 samples .* fit.labels=majority"),
        (TABLE.assign(label=1 - TABLE["label"]), r"seems to count the votes for the other class"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(table: pd.DataFrame, told: str) -> None:
    with pytest.raises(MitofmError, match=told):
        require_votes(table, "s")
    assert require_votes(TABLE, "s") is TABLE


def test_votes_for_one_class_only_are_nothing_to_learn_from() -> None:
    with pytest.raises(Infeasible, match="all votes on all 6 training samples are for one class"):
        add_targets(frame(), TABLE.assign(votes_positive=0))


def test_a_split_knows_agreement_if_the_table_has_votes() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"sample_id": [f"c{i:03d}" for i in range(240)], "dataset": "s", "domain": "d"})
    table["slide"] = table["image"] = [f"s{i % 12}" for i in range(240)]
    table["votes_positive"], table["votes"] = rng.integers(0, 4, 240).astype(float), 3.0
    table["label"] = (table["votes_positive"] >= 2).astype(int)
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    split = make(InDomain(name="in_domain"), table, 1.0, 0).frame
    np.testing.assert_array_equal(split["agreement"], agreement(table))
    plain = make(InDomain(name="in_domain"), table.drop(columns=["votes_positive", "votes"]), 1.0, 0).frame
    pd.testing.assert_frame_equal(plain, split.drop(columns="agreement"))
