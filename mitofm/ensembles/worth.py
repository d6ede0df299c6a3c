"""What an ensemble is worth: its metric minus the mean of its members', on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitofm.evaluation.statistics import Estimate, subtract_paired
from mitofm.runs.measured import measure_cell


def measure_worth(made: Path, others: Sequence[Path], metric: str = "auroc") -> dict[str, Estimate]:
    """By evaluation set the metric of the cell `made` minus the mean of the `others`, all tested on the same samples.

    Intervals are over slides and over the trainings of the others; this one ensemble is taken as it is.

    Raises:
        MitofmError: they were tested on other samples.
    """
    own, sets = measure_cell(made).sets, [measure_cell(one).sets for one in others]
    return {
        name: subtract_paired(
            dict.fromkeys(range(len(sets)), one), {place: their[name] for place, their in enumerate(sets)}, metric
        )
        for name, one in own.items()
        if all(name in their for their in sets)
    }
