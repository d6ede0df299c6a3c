"""Confounder background: if a slide has no bought negative sample, random background is trained as negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitofm.data.added import add_to_training
from mitofm.data.positions import BackgroundPositions
from mitofm.data.splits.part import TRAIN
from mitofm.ground.settings import Count, Natural, NotNegative

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


@dataclass(frozen=True)
class Background:
    """As many background crops as the slide has bought positive samples, since the released code balances the classes.

    Args:
        per_image: positions kept ready in each image; a slide gives no more of them than its images have.
        distance_px: from every annotated sample, px at level 0.
        seed: of the positions.
    """

    relabels = False
    per_image: Count
    distance_px: NotNegative
    seed: Natural

    def apply(self, split: Split, store: PatchStore, dataset: Dataset) -> tuple[Split, PatchStore]:
        """Background crops follow the annotated samples; those drawn are training samples like any other."""
        positions = BackgroundPositions(dataset, self.per_image, self.distance_px, seed=self.seed)
        background = dataset.store(positions, "background")
        bought = split.frame.iloc[split.rows(TRAIN)].groupby("slide")["label"].agg(["sum", "size"])
        wanted = bought.loc[bought["sum"] == bought["size"], "sum"]
        return add_to_training(split, store, background, wanted)
