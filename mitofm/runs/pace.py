"""How many cells a job is given, by the seconds that finished cells of the same backbones and adaptations have taken."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from mitofm.runs.folder import DamagedCell, read_stored
from mitofm.runs.identity import spell_backbone
from mitofm.training.settings import Settings

_JOB = 1800.0  # seconds that a job is to last
_LOOKED_AT = 20  # finished cells of each kind


def choose_cells_per_job(runs: Path, cells: Sequence[Settings]) -> int:
    """So many cells that a job lasts about half an hour; 1 if there is no finished cell like these.

    Args:
        runs: the folder of finished cells.
        cells: in which each data set, backbone and adaptation of a grid occurs.
    """
    kinds = product(
        {one.dataset.card.name for one in cells},
        {spell_backbone(one.backbone) for one in cells},
        {one.adaptation_name for one in cells},
    )
    names = sorted(place.name for place in (runs / "cells").glob("*"))
    found = [_measure(runs, [name for name in names if name.startswith("-".join((*kind, "")))]) for kind in kinds]
    known = [seconds for seconds in found if seconds]
    return max(1, round(_JOB / statistics.mean(known))) if known else 1


def _measure(runs: Path, names: Iterable[str]) -> float:
    """Median seconds of a few finished cells of these names; 0 if there is none."""
    seconds: list[float] = []
    for name in names:
        place = runs / "cells" / name
        if len(seconds) < _LOOKED_AT and (place / "DONE").is_file():
            with suppress(DamagedCell, KeyError):
                seconds.append(read_stored(place / "cost.json")["seconds"])
    return statistics.median(seconds) if seconds else 0.0
