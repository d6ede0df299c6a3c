"""Experts' votes on a sample: the share that called it positive, and whether they agreed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mitofm.data.annotations import VOTES
from mitofm.data.splits.part import TRAIN
from mitofm.ground.errors import Infeasible, MitofmError

UNANIMOUS, DIVIDED, UNKNOWN = "unanimous", "divided", ""
"""Agreement on a sample: all votes are equal, or not; unknown if fewer than two experts voted."""


def require_votes(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The annotation table of data set `name` itself.

    MitofmError if some of its samples have no votes, or `votes_positive` counts the votes for the other class.
    """
    lacking = len(table) if VOTES[0] not in table else int(table[list(VOTES)].isna().any(axis=1).sum())
    if lacking:
        raise MitofmError(
            f"fit.labels=votes: {lacking} of the {len(table)} samples of data set {name!r} have no votes "
            f"({' and '.join(VOTES)} in its annotations); train on its labels with fit.labels=majority"
        )
    against = find_contradicted(table)
    if against.sum() > (table[VOTES[0]] != table[VOTES[1]] / 2).sum() / 2:
        raise MitofmError(
            f"fit.labels=votes: {int(against.sum())} of the {len(table)} labels of data set {name!r} are not "
            f"what most experts voted: {VOTES[0]} seems to count the votes for the other class"
        )
    return table


def find_contradicted(table: pd.DataFrame) -> np.ndarray:
    """Whether the label of each sample of a table with votes is not that of most votes; a tie contradicts neither: (N,)."""
    surplus = 2 * table[VOTES[0]] - table[VOTES[1]]
    return (surplus * table["label"].map({0: 1, 1: -1}).fillna(0) > 0).to_numpy()


def add_targets(frame: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The frame of a split with one more column, `target`: what each sample is trained towards, from 0 to 1.

    Random background that is not in the table, the annotation table with votes, has none: its target is its label.
    Infeasible if all votes on the training side are for one class.
    """
    positive, votes = VOTES
    share = pd.Series((table[positive] / table[votes]).to_numpy(), index=table["sample_id"])
    targets = frame["sample_id"].map(share).fillna(frame["label"]).astype("float64")
    trained = targets[frame["part"] == TRAIN]
    if trained.nunique() == 1 and trained.iloc[0] in (0, 1):
        raise Infeasible(
            f"fit.labels=votes: all votes on all {len(trained)} training samples are for one class, and both are needed"
        )
    return frame.assign(target=targets)


def agreement(table: pd.DataFrame) -> np.ndarray:
    """Agreement of the experts on each sample of a table with votes: objects (N,)."""
    positive, votes = (table[column].to_numpy() for column in VOTES)
    agreed = np.where((positive == 0) | (positive == votes), UNANIMOUS, DIVIDED)
    return np.where(votes >= 2, agreed, UNKNOWN).astype(object)
