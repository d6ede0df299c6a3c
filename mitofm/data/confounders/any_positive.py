"""Confounder any_positive: a crop is learned as positive if any positive sample lies in it, not only at its centre."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mitofm.data import cutting
from mitofm.data.splits.part import TRAIN, VALIDATION
from mitofm.data.survey import survey

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


class AnyPositive:
    """Training and validation labels as in the released code; test samples keep the label of their own annotation.

    Only samples bought for the same side count: a crop around a look-alike stays negative if the mitotic figure in it was
    not bought, or is a test sample.
    """

    relabels = True

    def apply(self, split: Split, store: PatchStore, dataset: Dataset) -> tuple[Split, PatchStore]:
        """Labels of training and validation samples turn positive if a positive sample's centre is inside their crop."""
        from scipy.spatial import cKDTree

        table, card = store.table, dataset.card
        labels = split.frame["label"].to_numpy().copy()
        reach = np.full(len(table), card.crop_px / 2)
        if card.mpp is not None:  # else crops are cut as they are, and no image need be opened
            own = survey(dataset.source.root, table, card.image_mpp)["mpp"]
            sides = {file: cutting.side(card.crop_px, mpp, card.mpp) for file, mpp in own.items()}
            reach = cutting.file_column(table).map(sides).to_numpy() / 2
        centres, truth = table[["x", "y"]].to_numpy(), labels == 1
        for side in (TRAIN, VALIDATION):
            for image in table.loc[split.rows(side)].groupby("image").groups.values():
                rows = image.to_numpy()
                if truth[rows].any():
                    distance, _ = cKDTree(centres[rows[truth[rows]]]).query(centres[rows], p=np.inf)
                    labels[rows[distance <= reach[rows]]] = 1
        frame = split.frame.assign(label=labels)
        return replace(split, frame=frame), replace(store, table=table.assign(label=labels))
