"""Strategies that draw anew for every adaptation, so that no two are tested on the same samples: only to measure that."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mitofm.data.splits.annotation import Annotation
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.part import Sides
from mitofm.ground.seeds import derive


@dataclass(frozen=True, kw_only=True)
class KFoldPerMode(KFold):
    """As kfold, drawn from the seed and the name of the adaptation.

    Attributes:
        mode: the adaptation.
    """

    mode: str

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises as kfold does."""
        return super().sides(table, derive(seed, "mode", self.mode))


@dataclass(frozen=True, kw_only=True)
class AnnotationPerMode(Annotation):
    """As annotation, drawn from the seed and the name of the adaptation. It leaks.

    Attributes:
        mode: the adaptation.
    """

    mode: str

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Samples divided at random, slides ignored."""
        return super().sides(table, derive(seed, "mode", self.mode))
