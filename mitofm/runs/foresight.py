"""Forecasts a grid: its cells by state, and the time and disk that they need, from past cells."""

from __future__ import annotations

import shutil
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data.splits.part import UNUSED, Split
from mitofm.data.splits.suggestion import make_or_suggest
from mitofm.ground import context, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing, remember
from mitofm.ground.settings import Seen
from mitofm.runs.collect import collect, spell_seeds
from mitofm.runs.folder import SETTLED, CellFolder, DamagedCell, read_stored
from mitofm.runs.identity import Known
from mitofm.training.settings import PROTOCOL_VERSION, Settings

_LIKE = ("backbone", "adaptation", "dataset", "fraction")
"""The labels in which a past cell equals a coming one: all of them, else the first three, else the first two."""
_REPEATED = ("slide", "domain", "part", "evaluation_set")
_KEPT = (*_REPEATED, "label", "order", "test_chance")
"""The columns of a split that its design is told by: those of text repeat few values, and a grid has many splits."""


class Tried:
    """The names of a grid's cells and their splits, each made once: cells of other backbones and adaptations share theirs.

    Args:
        known: what the cells are named by.
    """

    def __init__(self, known: Known | None = None) -> None:
        self._known, self._seen = known or Known(), Seen()
        self._tables: dict[str, pd.DataFrame] = {}
        self._made: dict[str, Split | str] = {}

    def name(self, cell: Settings) -> str:
        """The name of the cell's folder; MitofmError if it cannot be named: data or weights are not here."""
        return self._known.identify(cell).folder_name

    def refuse(self, cell: Settings) -> str:
        """Why there is no split of the cell, in words; "" if there is one."""
        split = self.split(cell)
        return split if isinstance(split, str) else ""

    def split(self, cell: Settings) -> Split | str:
        """The cell's split, without the samples that it does not use; in words why there is none."""
        data, split = (
            self._seen.make(group, (one := cell.config[group],), partial(fingerprints.of, one))
            for group in ("data", "split")
        )
        key = f"{data} {split} {cell.fraction!r} {cell.seed_of_split}"
        if key not in self._made:
            self._made[key] = self._make(cell, data)
        return self._made[key]

    def _make(self, cell: Settings, data: str) -> Split | str:
        try:
            if data not in self._tables:
                self._tables[data] = cell.dataset.table()
            split = make_or_suggest(cell.split, self._tables[data], cell.fraction, cell.seed_of_split)
        except MitofmError as problem:
            return str(problem)
        used = split.frame[split.frame["part"] != UNUSED]
        return replace(split, frame=used[list(_KEPT)].astype(dict.fromkeys(_REPEATED, "category")))


def foresee(cells: Iterable[Settings], tried: Tried | None = None) -> Iterator[str]:
    """Forecast cells of one folder of runs, in lines of text. Their splits are tried; those made are left in `tried`.

    Raises:
        MitofmError: a cell cannot be named: data or weights are not here.
    """
    tried = tried or Tried()
    states: Counter[str] = Counter()
    coming: list[Settings] = []
    named = {tried.name(settings): settings for settings in cells}
    for name, settings in named.items():
        runs = settings.paths.runs
        state = CellFolder(runs, name).read_state()
        states[state.value] += 1
        if state not in SETTLED:
            coming.append(settings)
    yield f"{len(named)} cells: " + ", ".join(f"{count} {state.lower()}" for state, count in states.most_common())
    ahead = [_label(settings) for settings in coming]
    refused = remember_lines("refused", coming, tried, lambda: filter(None, map(tried.refuse, coming)))
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


def remember_lines(
    purpose: str, cells: Sequence[Settings], tried: Tried, tell: Callable[[], Iterable[str]], *more: Any
) -> list[str]:
    """Lines of text about these cells, told once for this code, the names of the cells, and what `more` (plain data) says."""
    if not cells:
        return []
    paths, compared = cells[0].paths, cells[0].config.get("comparisons")
    named = [purpose, context.of_code(), sorted(map(tried.name, cells)), compared, str(paths.runs.absolute()), *more]
    entry = paths.cache / "plans" / f"{fingerprints.of(named)[:32]}.json"
    return remember(entry, "lines", lambda: list(tell()))


def describe_seeds(seeds: Iterable[str]) -> str:
    """What follows if all cells have one seed, and the way out; "" if they have several."""
    known = set(seeds)
    if len(known) != 1:
        return ""
    return f"with one seed nothing can be said of methods, only of these trained models: {suggest_seeds(*known)}"


def suggest_seeds(seed: str) -> str:
    """Seeds to type in place of one, which is spelt SPLIT/TRAINING if those differ."""
    key = "training_seed" if "/" in seed else "seed"
    first = int(seed.rpartition("/")[2])
    return f"{key}={first},{first + 1},{first + 2}"


def warn_of_one_seed(cells: Iterable[Settings]) -> str:
    """As `describe_seeds`, of cells that have all seeds of a grid between them, and of the finished ones of their study."""
    cells = list(cells)
    seeds = {spell_seeds(one.seed, one.split_seed, one.training_seed) for one in cells}
    with suppress(MitofmError):  # its study has no cell yet
        done = collect(cells[0].paths.runs, cells[0].study).done if len(seeds) == 1 else pd.DataFrame()
        done = (
            done[done["protocol_version"] == PROTOCOL_VERSION] if len(done) else done
        )  # others are never mixed with these
        rows = done.reindex(columns=["seed", "split_seed", "training_seed"]).itertuples(index=False)
        seeds |= {spell_seeds(*row) for row in rows}
    return describe_seeds(seeds)


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
