"""Two studies side by side: each configuration of one minus its counterpart of the other, on the same test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.errors import MitofmError
from mitofm.evaluation import verdicts
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting import contrasts
from mitofm.reporting.configurations import flat, groups
from mitofm.reporting.contents import AXES, full_axes, no_interval, shown_axes
from mitofm.reporting.estimates import Result, Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.reporting.numbers import difference, with_interval
from mitofm.reporting.tables import Table, columns_of, table
from mitofm.runs.collect import Collected, collect

_GROUP_OF = {"dataset": "data", "weights": "backbone", "train_domain": "split", "fraction_unit": "split"}
_FEW = 4  # differing keys that a row spells out


@dataclass(frozen=True)
class Pair:
    """A configuration of the first study, its counterpart in the second, and in what their cells differ."""

    first: Result
    second: Result
    differs: str
    difference: Estimate


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
    pairs, alone = _pairs(stored, *results)
    if not pairs:
        raise MitofmError(
            f"studies {first!r} and {second!r} have no finished configuration in common: "
            f"{'; '.join(alone[:6]) or 'neither has any'}"
        )
    return _table(pairs, alone, [side.unfinished for side in sides], first, second)


def _pairs(stored: Stored, first: Sequence[Result], second: Sequence[Result]) -> tuple[list[Pair], list[str]]:
    """The pairs, and the results without a counterpart in words."""
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
            pairs.append(Pair(one, other, _differs(stored, one, other), contrasts.difference(stored, one, other)))
    alone = [_words(one) for one, values in sides[0] if counterpart(values, one) not in met]
    alone += [_words(one) for one, values in sides[1] if counterpart(values, one) not in met]
    return pairs, alone


def _values(stored: Stored, result: Result, keys: Sequence[str]) -> dict[str, str]:
    """What a result's configuration is on every axis: a study that does not vary a key has it in its config."""
    own = result.group.axes
    config = _config(stored, result) if set(keys) - own.keys() else {}
    return {key: str(own.get(key, config.get(key))) for key in keys}


def _config(stored: Stored, result: Result) -> dict[str, Any]:
    return dict(flat(stored.config(next(iter(result.group.done.values())))))


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
    return ", ".join(value for value in shown_axes(result.configuration, result.set).values() if value)


def _table(
    pairs: Sequence[Pair], alone: Sequence[str], unfinished: Sequence[pd.DataFrame], first: str, second: str
) -> Table:
    different = verdicts.holm([verdicts.difference_p(pair.difference) for pair in pairs])
    equivalent = verdicts.holm([verdicts.equivalence_p(pair.difference) for pair in pairs])
    rows = []
    for pair, p, equal_p in zip(pairs, different, equivalent, strict=True):
        found, key = pair.difference, pair.first.configuration
        outcome = verdicts.of_comparison(found, p, equal_p)
        shown = {
            **shown_axes(key, pair.first.set),
            "what differs": pair.differs,
            f"AUROC {first}": with_interval(pair.first.auroc),
            f"AUROC {second}": with_interval(pair.second.auroc),
            "difference (95 % interval)": difference(found),
            "seeds": str(found.seeds),
            "slides": str(found.slides),
            "outcome": outcome if found.value is not None else found.why,
        }
        full = {
            **full_axes(key, pair.first.set),
            "differs": pair.differs,
            **columns_of("first_auroc", pair.first.auroc),
            **columns_of("second_auroc", pair.second.auroc),
            **columns_of("difference", found),
            "seeds": found.seeds,
            "p": verdicts.difference_p(found),
            "p_holm": p,
            "equivalence_p_holm": equal_p,
            "outcome": outcome,
        }
        rows.append((shown, full))
    note = (
        f"AUROC of {first} minus that of {second} on the same samples of the seeds of both; intervals over slides. "
        f"Outcome: better or worse where p < {verdicts.SIGNIFICANCE:g}, equivalent within a margin of {verdicts.MARGIN:g}, "
        f"either corrected by Holm over these {len(rows)}."
    )
    if alone:
        note += f" Without a counterpart, {len(alone)}: {'; '.join(alone[:6])}{'; ...' if len(alone) > 6 else ''}."
    for study, cells in zip((first, second), unfinished, strict=True):
        note += f" {len(cells)} cells of {study} have no result." if len(cells) else ""
    reasons = no_interval(pair.difference for pair in pairs)
    return table("compare", f"{first} minus {second}", rows, note + reasons, [*AXES, "what differs"])
