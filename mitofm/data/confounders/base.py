"""A confounder: a change of a finished split and of the store it reads, after the test side has been fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

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
