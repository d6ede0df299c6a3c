"""Strategy annotation_kfold: every sample tests once over the folds, and its slide trains. It leaks, to measure the leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.fractions import stratify
from mitofm.data.splits.hold_out import share_of
from mitofm.data.splits.kfold import KFold
from mitofm.data.splits.part import IN_DOMAIN, TEST, TRAIN, VALIDATION, Sides
from mitofm.ground.seeds import stream


@dataclass(frozen=True, kw_only=True)
class AnnotationKFold(KFold):
    """As kfold, but folds and validation are drawn sample by sample, stratified by class and domain; slides are ignored.

    Over the folds the same samples test as under kfold: all of them, once. What differs is whether other samples of the same
    slide were trained on.
    """

    @property
    def leaks(self) -> bool:
        """Yes: a slide is on every side."""
        return True

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Samples divided at random, slides ignored."""
        order = stratify(table, stream(seed, "annotation folds"))
        blocks = np.array_split(order, self.folds)  # every stretch of the order holds both classes in proportion
        tested = blocks.pop(self.fold)
        rest = np.concatenate(blocks)
        part = np.full(len(table), TRAIN, dtype=object)
        part[tested] = TEST
        if self.validation_share is not None:
            part[rest[: max(1, share_of(len(rest), self.validation_share, VALIDATION))]] = VALIDATION
        return Sides(part, np.where(part == TEST, IN_DOMAIN, "").astype(object))
