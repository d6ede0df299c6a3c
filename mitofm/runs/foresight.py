"""Forecasts a grid: its cells by state, and the time and disk that they need, from past cells."""

from __future__ import annotations

import shutil
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data.splits.suggestion import make_or_suggest
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing
from mitofm.runs.folder import SETTLED, CellFolder, DamagedCell, read_stored
from mitofm.runs.identity import identify
from mitofm.training.settings import Settings

_LIKE = ("backbone", "adaptation", "dataset", "fraction")
"""The labels in which a past cell equals a coming one: all of them, else the first three, else the first two."""


def foresee(cells: Iterable[Settings]) -> Iterator[str]:
    """Forecast cells of one folder of runs, in lines of text. Their splits are tried.

    Raises:
        MitofmError: a cell cannot be named: data or weights are not here.
    """
    states: Counter[str] = Counter()
    ahead: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    tables: dict[str, pd.DataFrame] = {}
    refused: list[str] = []
    named = {identify(settings).folder_name: settings for settings in cells}
    for name, settings in named.items():
        runs = settings.paths.runs
        state = CellFolder(runs, name).read_state()
        states[state.value] += 1
        if state not in SETTLED:
            ahead.append(_label(settings))
            # Cells of other backbones and adaptations share their split, which is tried once.
            data = fingerprints.of(settings.config["data"])
            split = fingerprints.of([data, settings.config["split"], settings.fraction, settings.seed_of_split])
            if split not in problems:
                problems[split] = _find_problem(settings, tables, data)
            refused += [problems[split]] if problems[split] else []
    yield f"{len(named)} cells: " + ", ".join(f"{count} {state.lower()}" for state, count in states.most_common())
    if refused:
        yield f"cannot be split: {len(refused)} of the {len(ahead)} ahead. The first: {refused[0]}"
    if not ahead:
        return
    past = list(_read_past(runs))
    found = [cost for cost in (_estimate(labels, past) for labels in ahead) if cost]
    if not found:
        yield f"time and disk: unknown, {runs} holds no finished cell like these"
        return
    seconds, size = (sum(values) / len(found) * len(ahead) for values in zip(*found, strict=True))
    known = f"from past cells like {len(found)} of the {len(ahead)} ahead"
    yield f"time: about {_spell_time(seconds)} of one process, {known}"
    yield f"disk: about {size / 1e6:.0f} MB in {runs}, where {shutil.disk_usage(find_existing(runs)).free / 1e9:.1f} GB are free"


def _find_problem(cell: Settings, tables: dict[str, pd.DataFrame], data: str) -> str:
    """The reason why the cell cannot be split; "" if it can. Tables that were read stay in `tables`."""
    try:
        if data not in tables:
            tables[data] = cell.dataset.table()
        make_or_suggest(cell.split, tables[data], cell.fraction, cell.seed_of_split)
    except MitofmError as problem:
        return str(problem)
    return ""


def _label(cell: Settings) -> dict[str, Any]:
    return {
        "dataset": cell.dataset.card.name,
        "backbone": cell.backbone.name,
        "adaptation": cell.adaptation_name,
        "fraction": cell.fraction,
    }


def _read_past(runs: Path) -> Iterator[tuple[dict[str, Any], float, int]]:
    """Labels, seconds and bytes of every finished cell that can be read."""
    for marker in (runs / "cells").glob("*/DONE"):
        place = marker.parent
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        with suppress(DamagedCell, KeyError):
            yield read_stored(place / "cell.json")["labels"], read_stored(place / "cost.json")["seconds"], size


def _estimate(labels: Mapping[str, Any], past: list[tuple[dict[str, Any], float, int]]) -> tuple[float, float] | None:
    """Median seconds and bytes of the past cells that are most like a coming one."""
    for count in (4, 3, 2):
        alike = [one for one in past if all(one[0].get(key) == labels[key] for key in _LIKE[:count])]
        if alike:
            return statistics.median(one[1] for one in alike), statistics.median(one[2] for one in alike)
    return None


def _spell_time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{max(1, round(seconds / 60))} min"
