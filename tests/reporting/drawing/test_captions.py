from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.drawing.captions import describe_fraction, describe_marks, describe_twins
from mitofm.reporting.finding import Measured

if TYPE_CHECKING:
    from conftest import Study

SURE, ONCE, BARE = Estimate(0.8, 0.7, 0.9, seeds=3), Estimate(0.8, 0.7, 0.9, seeds=1), Estimate(0.8, seeds=3)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ([SURE], "Dots are means over seeds; bars are 95 % intervals over slides and trainings"),
        ([ONCE], "Dots are of one training each; bars are 95 % intervals over slides"),
        ([BARE, Estimate(None)], "Dots are means over seeds"),
        (
            [SURE, ONCE],
            "Dots are means over seeds; where there is one seed, of that training; bars are 95 % intervals over slides and trainings",
        ),
    ],
)
def test_marks_are_said_to_be_what_they_are(drawn: list[Estimate], said: str) -> None:
    assert describe_marks(drawn, "Dots", "bars") == said


def test_twins_and_fractions_are_spoken_of_if_there_are_several(
    study: Study, measure: Callable[[Study], Measured]
) -> None:
    study.grid(weights=["pretrained", "random"], fraction=[0.1, 1.0], domains=[("breast",)], slides=[2])
    results = measure(study).primary
    assert describe_twins(results).startswith("Hollow")
    assert describe_twins([one for one in results if one.configuration.is_twin]) == ""
    assert describe_fraction(["a figure"], results) == "At the largest fraction."
    assert describe_fraction([], results) == ""
    assert describe_fraction(["a figure"], results[:1]) == ""
