"""Hydra's sweeper of grids, for the cells of a grid that need a run. Hydra takes sweepers from `hydra_plugins` alone.

Every program in this environment that uses Hydra imports this file as it starts, so mitofm is imported in its methods only.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override


class LeftSweeper(BasicSweeper):
    """As Hydra's own, without the cells that `mitofm train` has left out, and without composing twice what it has composed."""

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """The overrides of each cell, in batches."""
        from mitofm.commands.sweeping.ended_cells import pick_left

        (whole,) = BasicSweeper.split_arguments(overrides, None)
        left = pick_left(whole)
        return [list(batch) for batch in BasicSweeper.split_overrides_to_chunks(left, max_batch_size)] if left else []

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose the cells that were not composed yet."""
        from mitofm.commands.sweeping.ended_cells import pick_unsure

        super().validate_batch_is_legal(pick_unsure(batch))
