"""What the small files of a finished cell say: its labels, its threshold, its costs, its config, how much it was tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import read_logit
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json
from mitofm.runs.choice import count_tried
from mitofm.runs.folder import DamagedCell, has_file, read_config, read_stored

COST = ("seconds", "peak_memory_mb", "trained_parameters", "samples_per_second")
ANNOTATIONS = "annotations"
"""In `environment.json`: the fingerprint of the table that a cell was made from. Cells of before have none."""
_WORDS, _NUMBERS = ("dataset", "backbone", "adaptation", "split", "positive", "negative"), ("fraction", "seed")
_COUNTED = ("n_train", "n_validation")  # of finished cells. A report needs these three groups of labels
_TESTED = ("n", "n_positive", "n_slides")
# The version of a cell that does not state it, by whether its threshold is stated as a logit.
_LAST_WITHOUT, _FIRST_WITH_LOGIT = 3, 4


@dataclass(frozen=True)
class Said:
    """Plain data.

    Attributes:
        row: by column of `Collected.cells`: labels, threshold, costs.
        tested: by evaluation set how many samples, positives among them and slides it holds.
        config: with today's names.
        device: what it ran on; "" if that is not recorded.
    """

    row: Mapping[str, Any]
    tested: Mapping[str, Sequence[int]]
    config: Mapping[str, Any]
    device: str


def read_said(folder: Path) -> Said | None:
    """Read it from the files of a finished cell; None if one of them is absent or damaged."""
    try:
        row = read_labels(folder / "cell.json", finished=True)
        metrics = read_metrics(folder / "metrics.json")
        row = row | describe_choice(row, metrics) | read_cost(folder) | read_origin(folder)
        return Said(row, read_tested(metrics), read_config(folder), read_device(folder))
    except MitofmError:
        return None


def read_labels(file: Path, finished: bool) -> dict[str, Any]:
    """The labels in a `cell.json`; DamagedCell if one is absent or of another kind that a report needs."""
    labels = read_stored(file).get("labels")
    numbers = _NUMBERS + _COUNTED * finished
    kinds: dict[str, Any] = dict.fromkeys(_WORDS, str) | dict.fromkeys(numbers, int | float)
    if isinstance(labels, dict) and "protocol_version" in labels:  # up to 0.1 it was not a label
        kinds["protocol_version"] = int
    if not isinstance(labels, dict) or not all(isinstance(labels.get(key), kind) for key, kind in kinds.items()):
        raise DamagedCell(file, ValueError("a label is absent or of another kind"))
    return labels


def read_metrics(file: Path) -> dict[str, Any]:
    """Read the `metrics.json` of a finished cell; DamagedCell if it is absent or damaged."""
    found = read_stored(file)
    try:
        numbers = [found["threshold"]["value"], found["threshold"].get("logit", 0.0), read_shift(found)]
        numbers.append(found.get("prior", {}).get("prevalence", 0.0))
        for values in found["sets"].values():
            numbers += [values[count] for count in _TESTED]
            numbers += [value for value in values.values() if value is not None]
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("a metric is no number")
        return found
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedCell(file, error) from error


def describe_choice(labels: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, from `metrics.json`, and the version of the protocol if the labels do not state it."""
    found = metrics["threshold"]
    version = _FIRST_WITH_LOGIT if "logit" in found else _LAST_WITHOUT
    return {
        "protocol_version": labels.get("protocol_version", version),
        "prior_logit": read_shift(metrics),
        "threshold": found["value"],
        "threshold_rule": found.get("rule"),
        "threshold_logit": read_logit(found),
        "settings_tried": count_tried(metrics.get("chosen")),
    }


def read_tested(metrics: Mapping[str, Any]) -> dict[str, list[int]]:
    """By evaluation set how many samples, positives and slides it holds."""
    return {name: [int(values[count]) for count in _TESTED] for name, values in metrics["sets"].items()}


def read_cost(folder: Path) -> dict[str, Any]:
    """What a finished cell cost; nothing if that is not recorded."""
    cost = read_stored(folder / "cost.json") if has_file(folder / "cost.json") else {}
    return {key: value for key, value in cost.items() if key in COST and isinstance(value, int | float)}


def read_device(folder: Path) -> str:
    """What a cell ran on; "" if that is not recorded."""
    return str(_read_environment(folder).get("device", ""))


def read_origin(folder: Path) -> dict[str, str]:
    """The fingerprint of the annotations that a cell was made from; nothing if that is not recorded."""
    found = _read_environment(folder).get(ANNOTATIONS)
    return {ANNOTATIONS: found} if isinstance(found, str) else {}


def _read_environment(folder: Path) -> Mapping[str, Any]:
    try:
        return read_json(folder / "environment.json")
    except (OSError, ValueError):
        return {}
