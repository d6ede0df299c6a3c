from __future__ import annotations

from typing import Any

import pytest

from mitofm.runs.choice import count_tried

NINE = {str(number): 0.5 for number in range(9)}


@pytest.mark.parametrize(
    ("chosen", "tried"),
    [
        ({"c": 0.1, "c_rule": "validation", "c_scores": NINE}, 9),
        ({"k": 10, "k_rule": "fixed", "k_scores": {}}, 1),
        ({}, 1),
        ({"checkpoint": {"rule": "last"}, "steps": 200}, 1),
        ({"checkpoint": {"rule": "validation"}, "lr": 0.1, "lr_rule": "validation", "lr_scores": NINE}, 9),
        ({"checkpoint": {"rule": "last"}, "c_scores": NINE}, 1),  # of the probe that lp_ft starts from
        (None, None),
    ],
)
def test_settings_are_counted_from_the_notes_of_a_cell(chosen: Any, tried: int | None) -> None:
    assert count_tried(chosen) == tried
