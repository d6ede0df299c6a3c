"""The comparisons that a study states before any of its cells runs: what is asked, on which metric, within which margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Share, read

Principal = Literal["auroc", "balanced_accuracy", "balanced_accuracy_chosen", "average_precision", "weighted_f1"]
"""The metrics of `metrics.measure` that a study may state comparisons of."""


@dataclass(frozen=True)
class Question:
    """First minus second, all that is not named being equal.

    `first` has, by configuration key as typed on a command line, the value on the first side; `second` has the same keys.
    Keys of equal value narrow the question.
    """

    name: str
    first: Mapping[str, Any]
    second: Mapping[str, Any]

    @property
    def varied(self) -> list[str]:
        """The keys in which the sides differ."""
        return [key for key in self.first if self.first[key] != self.second[key]]


@dataclass(frozen=True)
class Comparisons:
    """A family of comparisons.

    Attributes:
        metric: of `metrics.json`.
        test_set: the evaluation set; None: each that the splits name.
        margin: differences smaller than this make no practical difference.
        questions: the family over which p values are corrected.
    """

    metric: str
    test_set: str | None
    margin: float
    questions: tuple[Question, ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Comparisons:
        """Read a `comparisons` block.

        Raises:
            MitofmError: a key is missing or unknown, or a question does not say what is compared with what.
        """
        stated = read(_ComparisonsGroup, config, "comparisons")
        if not stated.family:
            raise MitofmError(
                "comparisons.family is empty: name at least one, such as {lora: {adaptation: [lora, full]}}"
            )
        questions = tuple(_parse_question(str(name), asked) for name, asked in stated.family.items())
        return cls(stated.metric, stated.test_set, stated.margin, questions)


@dataclass(frozen=True, kw_only=True)
class _ComparisonsGroup:
    """A `comparisons` block."""

    metric: Principal
    test_set: str | None
    margin: Share
    family: Mapping[str, Any]


def _parse_question(name: str, asked: Any) -> Question:
    place = f"comparisons.family.{name}"
    if not isinstance(asked, Mapping):
        raise MitofmError(f"{place} is {asked!r}: give keys with [first, second], or with one value to narrow it")
    first, second = {}, {}
    for key, value in asked.items():
        sides = value if isinstance(value, (list, tuple)) else [value, value]
        if len(sides) != 2:
            raise MitofmError(f"{place}.{key}={list(sides)}: two values are compared, the first minus the second")
        first[str(key)], second[str(key)] = sides
    question = Question(name, first, second)
    if not question.varied:
        raise MitofmError(f"{place} compares nothing: give one of its keys two values, [first, second]")
    return question
