"""Two studies side by side: each configuration of one minus its counterpart of the other, on the same test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.errors import MitofmError
from mitofm.evaluation import verdicts
from mitofm.reporting.answers import Answer, answered, how
from mitofm.reporting.cells import AXES, Cell, interval, naming, unseen
from mitofm.reporting.configurations import flat, groups
from mitofm.reporting.estimates import AUROC, Result, Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.reporting.numbers import listed
from mitofm.reporting.tables import Table, table
from mitofm.runs.collect import Collected, collect

_DIFFERS = "what differs"
_GROUP_OF = {"dataset": "data", "weights": "backbone", "train_domain": "split", "fraction_unit": "split"}
_FEW = 4  # differing keys that a row spells out


def compare(runs: Path, first: str, second: str, cache: Path) -> Table:
    """AUROC of study `first` minus that of study `second`, for every configuration that both have.

    An axis on which either study has a single value, and not the same one, is what they are compared on: it is no
    obstacle. On all others counterparts are equal.

    Args:
        runs: the folder with `cells/` and `studies/`.
        first: a study.
        second: another.
        cache: where intervals are kept.

    Raises:
        MitofmError: there is no such study, or no configuration has a counterpart.
    """
    sides = [collect(runs, study) for study in (first, second)]
    cells = pd.concat([side.cells for side in sides]).drop_duplicates("cell", ignore_index=True)
    stored = Stored(Collected(runs, cells), Kept(cache / "statistics"))
    results = [primary(measure(stored, groups(side))) for side in sides]
    pairs, alone = _pairs(stored, (first, second), *results)
    if not pairs:
        raise MitofmError(
            f"studies {first!r} and {second!r} have no finished configuration in common: "
            f"{'; '.join(alone[:6]) or 'neither has any'}"
        )
    return _table(answered(stored, pairs), alone, [side.unfinished for side in sides], first, second)


def _pairs(
    stored: Stored, names: tuple[str, str], first: Sequence[Result], second: Sequence[Result]
) -> tuple[list[Answer], list[str]]:
    """The pairs, each with what differs between them, and the results without a counterpart in words."""
    keys = sorted({key for result in (*first, *second) for key in result.group.axes})
    sides = [[(result, _values(stored, result, keys)) for result in results] for results in (first, second)]
    only = [{key: {values[key] for _, values in side} for key in keys} for side in sides]
    apart = [key for key in keys if len(only[0][key]) == len(only[1][key]) == 1 and only[0][key] != only[1][key]]

    def counterpart(values: Mapping[str, str], result: Result) -> tuple[Any, ...]:
        return (*(values[key] for key in keys if key not in apart), result.set)

    known = {counterpart(values, result): result for result, values in sides[1]}
    pairs, met = [], set()
    for one, values in sides[0]:
        other = known.get(key := counterpart(values, one))
        if other is not None:
            met |= {key}
            pairs.append(Answer(_differs(stored, one, other), names, one, other))
    alone = [_words(one) for one, values in sides[0] if counterpart(values, one) not in met]
    alone += [_words(one) for one, values in sides[1] if counterpart(values, one) not in met]
    return pairs, alone


def _values(stored: Stored, result: Result, keys: Sequence[str]) -> dict[str, str]:
    """What a result's configuration is on every axis: a study that does not vary a key has it in its config."""
    own = result.group.axes
    config = _config(stored, result) if set(keys) - own.keys() else {}
    return {key: str(own.get(key, config.get(key))) for key in keys}


def _config(stored: Stored, result: Result) -> dict[str, Any]:
    return dict(flat(stored.config(result.group.a_cell)))


def _differs(stored: Stored, first: Result, second: Result) -> str:
    """In what the cells of two results differ but for their seeds, the first one's value first."""
    if set(first.group.done.values()) == set(second.group.done.values()):
        return "nothing: the same cells"
    axes = {key: value for key, value in first.group.axes.items() if "." not in key}
    said = {key: (value, second.group.axes.get(key)) for key, value in axes.items()}
    said = {key: values for key, values in said.items() if values[0] != values[1]}
    told = {_GROUP_OF.get(key, key) for key in said}
    configs = [_config(stored, side) for side in (first, second)]
    for key in sorted(configs[0].keys() | configs[1].keys()):
        values = configs[0].get(key), configs[1].get(key)
        if values[0] != values[1] and key.split(".")[0] not in told:
            said[key] = values
    words = [f"{key} {one} against {other}" for key, (one, other) in said.items()]
    more = f", and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return ", ".join(words[:_FEW]) + more or "nothing that was chosen: the data or the weights"


def _words(result: Result) -> str:
    return listed(*(cell.shown for cell in naming(result.configuration, result.set)))


def _table(
    found: Sequence[Answer], alone: Sequence[str], unfinished: Sequence[pd.DataFrame], first: str, second: str
) -> Table:
    rows = [
        [
            *naming(one.first.configuration, one.first.set),
            Cell(_DIFFERS, one.question, {"differs": one.question}),
            interval(f"AUROC {first}", "first_auroc", one.first.auroc),
            interval(f"AUROC {second}", "second_auroc", one.second.auroc),
            Cell(full={"seeds": one.difference.seeds}),
            *unseen(one.cells("difference (95 % interval)"), "p", "p, Holm", "equivalence p, Holm"),
        ]
        for one in found
    ]
    note = (
        f"AUROC of {first} minus that of {second} on the seeds of both; intervals over slides. Outcome: better or worse where "
        f"p < {verdicts.SIGNIFICANCE:g}. {how(len(rows), AUROC, verdicts.MARGIN)}"
    )
    if alone:
        note += f" Without a counterpart, {len(alone)}: {'; '.join(alone[:6])}{'; ...' if len(alone) > 6 else ''}."
    for study, cells in zip((first, second), unfinished, strict=True):
        note += f" {len(cells)} cells of {study} have no result." if len(cells) else ""
    estimates = [one.difference for one in found]
    return table("compare", f"{first} minus {second}", rows, note, (*AXES, _DIFFERS), estimates)
