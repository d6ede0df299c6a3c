from __future__ import annotations

import pytest

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.numbers import explain_outcome


@pytest.mark.parametrize(
    ("said", "found", "shown"),
    [
        ("not decided", Estimate(0.1, low=-0.1, high=0.3, seeds=2), "not decided"),
        ("one training only", Estimate(0.1, low=-0.1, high=0.3, seeds=1), "could not be decided: one training only"),
        ("no interval", Estimate(0.1, why="under 6 slides", seeds=2), "could not be decided: under 6 slides"),
        ("no interval", Estimate(None, why="no seed in common"), "no seed in common"),
    ],
)
def test_not_decided_is_told_apart_from_what_could_not_have_been(said: str, found: Estimate, shown: str) -> None:
    assert explain_outcome(said, found) == shown
