"""A confounder: a change of a finished split and of the store it reads, after the test side has been fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mitofm.ground.config import instantiate

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


class Confounder(Protocol):
    """Built from `conf/protocol/confounders/NAME.yaml`."""

    relabels: ClassVar[bool]  # whether samples of the annotation table are learned under other labels than their own

    def apply(self, split: Split, store: PatchStore, dataset: Dataset) -> tuple[Split, PatchStore]:
        """The changed split and store; row i of either is the same sample, and no test sample changes.

        Infeasible if this data set, or this backbone, cannot show the confounder.
        """


def apply_confounders(
    confounders: Mapping[str, Mapping[str, Any]], split: Split, store: PatchStore, dataset: Dataset
) -> tuple[Split, PatchStore]:
    """The split and the store after each of `confounders` that changes them (others are settings read elsewhere).

    They are applied in the order of their names, since the order can decide what is trained on.
    """
    for _, config in sorted(confounders.items()):
        if "_target_" in config:
            split, store = instantiate(config).apply(split, store, dataset)
    return split, store
