"""Hard negatives from proposals: ordinary nuclei of training slides, which no annotated look-alike is (`data.proposals=true`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mitofm.data.added import add_to_training
from mitofm.data.proposals.positions import ProposalPositions
from mitofm.data.splits.part import TRAIN

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


def add_proposals(split: Split, store: PatchStore, dataset: Dataset, ratio: float) -> tuple[Split, PatchStore]:
    """The split and the store with `ratio` proposals for each bought training sample of a slide, as negatives, in training alone.

    Raises:
        Infeasible: the samples are crops that are already cut.
        MitofmError: as `ProposalPositions`.
    """
    bought = split.frame.iloc[split.rows(TRAIN)].groupby("slide").size()
    added = dataset.store(ProposalPositions(dataset, ratio), "proposals")
    return add_to_training(split, store, added, np.floor(ratio * bought + 0.5))
