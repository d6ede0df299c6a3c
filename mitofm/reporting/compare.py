"""Two studies side by side: each configuration of one minus its counterpart of the other, on the same test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.evaluation import verdicts
from mitofm.ground.errors import MitofmError
from mitofm.reporting.answers import Answer, answer_family, explain
from mitofm.reporting.measured.configurations import compare_configs, flatten, group_cells
from mitofm.reporting.measured.estimates import measure
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import Result, pick_primary
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import join
from mitofm.reporting.tables import AXES, Entry, Table, hide, make_table, name_row, show_estimate
from mitofm.runs.collect import Collected, collect
from mitofm.runs.keys import LABELS

_DIFFERS = "what differs"
_FEW = 4  # differing keys that a row spells out


def compare(runs: Path, first: str, second: str, cache: Path) -> Table:
    """AUROC of study `first` minus that of study `second`, for every configuration that both have.

    An axis on which either study has a single value, and not the same one, is what they are compared on: it is no
    obstacle. On all others counterparts are equal.

    Raises:
        MitofmError: there is no such study, it has no finished cell, or no configuration has a counterpart.
    """
    sides = [collect(runs, study, cache) for study in (first, second)]
    for study, side in zip((first, second), sides, strict=True):
        if side.done.empty:
            raise MitofmError(
                f"study {study!r} has no finished cell to compare: `mitofm status study={study}` says why"
            )
    cells = pd.concat([side.cells for side in sides]).drop_duplicates("cell", ignore_index=True)
    stored = Stored(Collected(runs, cells), Kept(cache / "statistics"))
    results = [pick_primary(measure(stored, group_cells(side))) for side in sides]
    pairs, alone = _pair(stored, (first, second), *results)
    if not pairs:
        raise MitofmError(
            f"studies {first!r} and {second!r} have no finished configuration in common: "
            f"{'; '.join(alone[:6]) or 'neither has any'}"
        )
    return _tabulate(answer_family(stored, pairs), alone, [side.unfinished for side in sides], first, second)


def _pair(
    stored: Stored, names: tuple[str, str], first: Sequence[Result], second: Sequence[Result]
) -> tuple[list[Answer], list[str]]:
    """The pairs, each with what differs between them, and the results without a counterpart in words."""
    keys = sorted({key for result in (*first, *second) for key in result.group.axes})
    sides = [[(result, _read_values(stored, result, keys)) for result in results] for results in (first, second)]
    only = [{key: {values[key] for _, values in side} for key in keys} for side in sides]
    apart = [key for key in keys if len(only[0][key]) == len(only[1][key]) == 1 and only[0][key] != only[1][key]]

    def match(values: Mapping[str, str], result: Result) -> tuple[Any, ...]:
        return (*(values[key] for key in keys if key not in apart), result.set)

    known = {match(values, result): result for result, values in sides[1]}
    pairs, met = [], set()
    for one, values in sides[0]:
        other = known.get(key := match(values, one))
        if other is not None:
            met |= {key}
            pairs.append(Answer(_describe_difference(stored, one, other), names, one, other))
    return pairs, [_spell(one) for side in sides for one, values in side if match(values, one) not in met]


def _read_values(stored: Stored, result: Result, keys: Sequence[str]) -> dict[str, str]:
    """What a result's configuration is on every axis: a study that does not vary a key has it in its config."""
    own = result.group.axes
    config = dict(flatten(stored.config(result.group.a_cell))) if set(keys) - own.keys() else {}
    return {key: str(own.get(key, config.get(key))) for key in keys}


def _describe_difference(stored: Stored, first: Result, second: Result) -> str:
    """In what the cells of two results differ but for their seeds, the first one's value first."""
    if set(first.group.done.values()) == set(second.group.done.values()):
        return "nothing: the same cells"
    axes = {key: value for key, value in first.group.axes.items() if "." not in key}
    said = {key: (value, second.group.axes.get(key)) for key, value in axes.items()}
    said = {key: values for key, values in said.items() if values[0] != values[1]}
    told = {key.partition(".")[0] for label in said for key in LABELS[label]}
    differs = compare_configs(*(stored.config(side.group.a_cell) for side in (first, second)))
    said |= {key: values for key, values in differs.items() if key.split(".")[0] not in told}
    words = [f"{key} {one} against {other}" for key, (one, other) in said.items()]
    more = f", and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return ", ".join(words[:_FEW]) + more or "nothing that was chosen: the data or the weights"


def _spell(result: Result) -> str:
    return join(*(entry.shown for entry in name_row(result.configuration, result.set)))


def _tabulate(
    found: Sequence[Answer], alone: Sequence[str], unfinished: Sequence[pd.DataFrame], first: str, second: str
) -> Table:
    rows = [
        [
            *name_row(one.first.configuration, one.first.set),
            Entry(_DIFFERS, one.question, {"differs": one.question}),
            show_estimate(f"AUROC {first}", "first_auroc", one.first.auroc),
            show_estimate(f"AUROC {second}", "second_auroc", one.second.auroc),
            Entry(full={"seeds": one.difference.seeds}),
            *hide(one.list_entries("difference"), "p"),
        ]
        for one in found
    ]
    note = (
        f"AUROC of {first} minus that of {second} on the seeds of both; intervals over slides and trainings. "
        f"{explain(found, verdicts.MARGIN)}"
    )
    if alone:
        note += f" Without a counterpart, {len(alone)}: {'; '.join(alone[:6])}{'; ...' if len(alone) > 6 else ''}."
    for study, cells in zip((first, second), unfinished, strict=True):
        note += f" Cells of {study} without a result: {len(cells)}." if len(cells) else ""
    estimates = [one.difference for one in found]
    return make_table("compare", f"{first} minus {second}", rows, note, (*AXES, _DIFFERS), estimates)
