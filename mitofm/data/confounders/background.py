"""Confounder background: if a slide has no bought negative sample, random background is trained as negative."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mitofm.data.patches import PatchStore
from mitofm.data.positions import BackgroundPositions
from mitofm.data.splits.part import TRAIN, UNUSED
from mitofm.ground import fingerprints
from mitofm.ground.settings import Count, Natural, NotNegative

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
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
        slide = background.table["slide"]
        drawn = (slide.groupby(slide).cumcount() < slide.map(wanted).fillna(0)).to_numpy()

        columns = split.frame.columns
        frame = background.table.reindex(columns=columns).assign(
            part=np.where(drawn, TRAIN, UNUSED),
            evaluation_set="",
            order=np.where(drawn, len(split.rows(TRAIN)) + np.cumsum(drawn) - 1, -1),
        )
        table = pd.concat([store.table, background.table], ignore_index=True)
        joined = replace(store, key=fingerprints.of([store.key, background.key]), table=table)
        return replace(split, frame=pd.concat([split.frame, frame], ignore_index=True)), _join(joined, background)


@dataclass(frozen=True)
class _With(PatchStore):
    """A store with the patches of another behind its own."""

    background: PatchStore

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the patches of both stores again."""
        own = {name: value for name, value in vars(self).items() if name != "background"}
        return _join, (PatchStore(**own), self.background)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the patches at positions `rows` (n,): (n, S, S, 3) uint8."""
        rows, n = np.asarray(rows, dtype=np.int64), len(self.patches)
        found = np.empty((len(rows), *self.patches.shape[1:]), np.uint8)
        behind = rows >= n
        found[~behind] = self.patches[rows[~behind]]
        found[behind] = self.background.read(rows[behind] - n)
        return found


def _join(store: PatchStore, background: PatchStore) -> _With:
    return _With(**vars(store), background=background)
