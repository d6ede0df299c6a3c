"""What copies of a cell call things: names without blanks and colons, which W&B, TensorBoard and MLflow take as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_RANDOM = "random"
_COSTS = ("seconds", "peak_memory_mb", "trained_parameters", "samples_per_second")


def spell_name(words: str) -> str:
    """`words` with an underscore for every run of characters that is no letter, digit, slash, dot or hyphen."""
    return re.sub(r"[^\w./-]+", "_", words).strip("_")


def name_model(labels: Mapping[str, Any]) -> str:
    """A cell's backbone, told from its random twin."""
    random = f"-{_RANDOM}" if labels["weights"] == _RANDOM else ""
    return f"{labels['backbone']}{random}"


def describe_compared(labels: Mapping[str, Any]) -> dict[str, str]:
    """What a cell is grouped by: its model, and the model with its adaptation."""
    model = spell_name(name_model(labels))
    return {"model": model, "compared": f"{model}/{spell_name(labels['adaptation'])}"}


def summarise(metrics: Mapping[str, Any], cost: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
    """The last numbers of a cell: those of every evaluation set, the threshold, and what it cost in seconds, parameters and labels."""
    return dict(_list_numbers(metrics, cost, labels))


def _list_numbers(
    metrics: Mapping[str, Any], cost: Mapping[str, Any], labels: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name, values in metrics["sets"].items():
        yield from ((f"{spell_name(name)}/{key}", value) for key, value in values.items())
    yield "threshold", metrics["threshold"]["value"]
    yield from ((f"cost/{key}", cost[key]) for key in _COSTS if key in cost)
    bought = [labels[key] for key in ("n_train", "n_validation") if key in labels]
    if bought:
        yield "cost/labels", sum(bought)
