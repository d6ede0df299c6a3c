"""Samples that are added behind the annotated ones, to be trained on alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.patches import PatchStore
from mitofm.data.splits.part import TRAIN, UNUSED, Split
from mitofm.ground import fingerprints


def add_to_training(split: Split, store: PatchStore, added: PatchStore, wanted: pd.Series) -> tuple[Split, PatchStore]:
    """The split and the store with `added` behind them: the first `wanted` of each slide are trained on, the others unused.

    No other sample changes. `wanted` is by slide; a slide that is not in it gives none.
    """
    slide = added.table["slide"]
    drawn = (slide.groupby(slide).cumcount() < slide.map(wanted).fillna(0)).to_numpy()
    frame = added.table.reindex(columns=split.frame.columns).assign(
        part=np.where(drawn, TRAIN, UNUSED),
        evaluation_set="",
        order=np.where(drawn, len(split.rows(TRAIN)) + np.cumsum(drawn) - 1, -1),
    )
    return replace(split, frame=pd.concat([split.frame, frame], ignore_index=True)), _join(store, added)


@dataclass(frozen=True)
class _Joined(PatchStore):
    """A store with the patches of another behind its own."""

    first: PatchStore
    second: PatchStore

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the patches of both stores again."""
        return _rejoin, (self.first, self.second, self.key, self.crop_px)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the patches at positions `rows` (n,): (n, S, S, 3) uint8."""
        rows, n = np.asarray(rows, dtype=np.int64), len(self.first.table)
        found = np.empty((len(rows), *self.patches.shape[1:]), np.uint8)
        behind = rows >= n
        found[~behind] = self.first.read(rows[~behind])
        found[behind] = self.second.read(rows[behind] - n)
        return found


def _join(first: PatchStore, second: PatchStore) -> _Joined:
    key = fingerprints.of([first.key, second.key])
    table = pd.concat([first.table, second.table], ignore_index=True)
    return _Joined(first.path, key, table, first.patches, first.crop_px, first.margin_px, first=first, second=second)


def _rejoin(first: PatchStore, second: PatchStore, key: str, crop_px: int) -> _Joined:
    return replace(_join(first, second), key=key, crop_px=crop_px)
