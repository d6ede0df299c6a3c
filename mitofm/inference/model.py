"""What scores new data: the checkpoint of a cell, or those of an ensemble's members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mitofm.inference.trained import Checkpoint
from mitofm.runs.tables import read_split


@dataclass(frozen=True)
class Model:
    """Checkpoints that see the same patches, the sum of whose logits is taken.

    Attributes:
        name: of the cell, or of the checkpoint's folder.
        facts: what a `checkpoint.json` says of patches, labels, threshold and prior.
        members: one, or those of an ensemble.
        scale: what the logits of each member are multiplied with.
        shift: what is added to their sum.
    """

    name: str
    facts: Mapping[str, Any]
    members: tuple[Checkpoint, ...]
    scale: tuple[float, ...] = (1.0,)
    shift: float = 0.0

    @classmethod
    def of(cls, trained: Checkpoint) -> Model:
        """A checkpoint alone."""
        return cls(trained.name, trained.facts, (trained,))

    @property
    def centre_px(self) -> int:
        """As of each member."""
        return self.members[0].centre_px

    def add(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The logits of the members, (n,) each, in their order, as one: float64 (n,)."""
        return np.array(self.scale) @ np.stack(logits) + self.shift

    def read_split(self, columns: Sequence[str]) -> pd.DataFrame | None:
        """The splits of all members, one below the other, with these columns and `slide`; None if one lies in no cell."""
        files = [one.folder.resolve().parent / "split.parquet" for one in self.members]
        if not all(file.is_file() for file in files):
            return None
        return pd.concat([read_split(file, columns) for file in files], ignore_index=True)
