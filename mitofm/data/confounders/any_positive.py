"""Confounder any_positive: a crop is learned as positive if any positive cell lies in it, not by the cell at its centre."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mitofm.data import cutting
from mitofm.data.splits.part import TRAIN, VALIDATION

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


class AnyPositive:
    """Training and validation labels as in the released code; test cells keep the label of their own annotation.

    Only cells bought for the same side count: a crop around a look-alike that holds a mitotic figure which was not
    bought, or which is a test cell, stays negative.
    """

    def apply(self, split: Split, store: PatchStore, dataset: Dataset) -> tuple[Split, PatchStore]:
        """Labels of training and validation cells turn positive where another's centre is inside their crop."""
        from scipy.spatial import cKDTree

        table, card = store.table, dataset.card
        labels = split.frame["label"].to_numpy().copy()
        own = (
            table["mpp"]
            if "mpp" in table
            else np.full(len(table), np.nan if card.image_mpp is None else card.image_mpp)
        )
        reach = np.array([cutting.side(card.crop_px, float(mpp), card.mpp) / 2 for mpp in own])
        centres, truth = table[["x", "y"]].to_numpy(), labels == 1
        for side in (TRAIN, VALIDATION):
            for image in table.loc[split.rows(side)].groupby("image").groups.values():
                rows = image.to_numpy()
                if truth[rows].any():
                    distance, _ = cKDTree(centres[rows[truth[rows]]]).query(centres[rows], p=np.inf)
                    labels[rows[distance <= reach[rows]]] = 1
        frame = split.frame.assign(label=labels)
        return replace(split, frame=frame), replace(store, table=table.assign(label=labels))
