"""`where="backbone=uni adaptation=lora,full"`: the cells of a study that a report is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mitofm.ground.errors import MitofmError, unknown
from mitofm.runs.collect import PLANNED, Collected
from mitofm.runs.keys import LABELS

_KEYS = {
    **{label: label for label, keys in LABELS.items() if keys},
    **{key: label for label, keys in LABELS.items() for key in keys},
    **{key.removesuffix(".name"): label for label, keys in LABELS.items() for key in keys if key.endswith(".name")},
}
"""What may be typed, the labels and the keys that they are the values of, and the label that is meant."""


def parse_where(text: str) -> dict[str, list[str]]:
    """The wanted values by label; MitofmError if a word is no KEY=VALUE,VALUE or its key is none that cells are told apart by.

    Blanks inside a value are kept if no word with "=" begins there: `split.domain=canine lymphoma adaptation=lora`.
    """
    words = re.split(r"\s+(?=[\w.]+=)", text.strip())
    wanted: dict[str, list[str]] = {}
    for word in words:
        key, equals, values = word.partition("=")
        if not equals or not values.strip(","):
            raise MitofmError(f"where={text!r}: {word!r} is no choice; type KEY=VALUE, or KEY=VALUE,VALUE")
        if key not in _KEYS:
            raise unknown("key", key, sorted(_KEYS), "where")
        wanted.setdefault(_KEYS[key], []).extend(value.strip() for value in values.split(",") if value.strip())
    return wanted


def narrow(collected: Collected, wanted: Mapping[str, Sequence[str]]) -> Collected:
    """The cells that have one of the wanted values of every label; unfinished ones also if their label is not known.

    Raises:
        MitofmError: no cell has a value that is wanted, or none has all.
    """
    cells = collected.cells
    kept = pd.Series(True, index=cells.index)
    for label, values in wanted.items():
        found = cells[label].map(_spell) if label != "train_domain" else cells[label].map(_name_domain)
        found = found.where(found != "", [_read_choice(row, label) for row in cells[["cell", "state"]].itertuples()])
        for value in values:
            if _spell(value) not in set(found):
                raise unknown(label, value, sorted(set(found) - {""}), "the cells of this report")
        kept &= found.isin([_spell(value) for value in values]) | (found == "")
    if not (kept & cells["dataset"].notna()).any():
        asked = " ".join(f"{label}={','.join(values)}" for label, values in wanted.items())
        raise MitofmError(f"where={asked!r}: no cell has all of these values; leave one out")
    return replace(collected, cells=cells[kept].reset_index(drop=True))


def describe_narrowing(wanted: Mapping[str, Sequence[str]], before: Collected, after: Collected) -> str:
    """What a reader must know of a part: corrections for the number of comparisons are of those that are left."""
    said = ", ".join(f"{label} {' or '.join(values)}" for label, values in wanted.items())
    return (
        f"A part of the study only ({said}): {len(after.cells)} of its {len(before.cells)} cells. Intervals of several comparisons "
        "are widened for those shown here alone: a part that was picked for its numbers says less than they do."
    )


def _spell(value: Any) -> str:
    """A value as it is typed: numbers without what follows from their type."""
    if value is None or value != value:
        return ""
    try:
        return f"{float(value):.12g}"
    except (TypeError, ValueError):
        return str(value)


def _name_domain(value: Any) -> str:
    return _spell(value).removeprefix("all but ")


def _read_choice(row: Any, label: str) -> str:
    """What the words of a planned cell say of a label; "" if nothing."""
    if row.state != PLANNED:
        return ""
    chosen = dict(one.partition("=")[::2] for one in str(row.cell).split(", "))
    return next((_spell(value) for key, value in chosen.items() if _KEYS.get(key) == label), "")
