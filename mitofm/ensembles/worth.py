"""What an ensemble is worth: its metric minus the mean of its members', on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitofm.ensembles.combining import Combined
from mitofm.ensembles.members import Member
from mitofm.evaluation.statistics import Estimate, subtract_paired
from mitofm.ground.errors import MitofmError
from mitofm.runs.measured import measure_cell
from mitofm.runs.tables import read_predictions


def require_same_samples(rival: Path, members: Sequence[Member], combined: Combined) -> None:
    """Raise a MitofmError if the cell `rival` is not tested on the samples of an ensemble."""
    columns = ["sample_id", "slide", "label"]
    own, other = (
        one[columns].sort_values("sample_id", ignore_index=True)
        for one in (combined.predictions, read_predictions(rival / "predictions.parquet"))
    )
    if not own.equals(other):
        raise MitofmError(
            f"{rival.name} shares {own['sample_id'].isin(other['sample_id']).sum()} of its {len(other)} test samples with the "
            f"{len(own)} of the ensemble of {members[0].folder.name} and others: a cell beside it is tested on the same"
        )


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
