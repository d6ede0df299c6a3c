from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings.differences import (
    SHARE,
    compare_adaptations,
    compare_fractions,
    compare_models,
    describe_adaptations,
    draw_adaptations,
    name_pair,
)
from mitofm.reporting.measured.configurations import Configuration, Group
from mitofm.reporting.measured.results import Pair, Result

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]
KEY = Configuration("midog", "", "", 0.1, "uni", "lora")
SURE = Estimate(0.03, 0.01, 0.05, standard_error=0.01, degrees=19, slides=20, seeds=3)


def pair(difference: Estimate, **changes: object) -> Pair:
    keys = [replace(KEY, adaptation=adaptation, **changes) for adaptation in ("lora", "linear_probe")]
    return Pair(*(Result(Group(key, {}, 1), "all", {}) for key in keys), difference)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.01, 0.05, "higher"), (-0.05, -0.01, "lower"), (-0.01, 0.05, "not decided")]
)
def test_an_interval_that_includes_zero_decides_nothing(low: float, high: float, verdict: str) -> None:
    found = pair(replace(SURE, value=(low + high) / 2, low=low, high=high))
    (sentence,) = describe_adaptations([found])
    assert sentence.endswith(f"{verdict}.")
    assert sentence.startswith("lora − linear_probe")


def test_a_difference_without_an_interval_is_not_called_anything_else() -> None:
    (sentence,) = describe_adaptations([pair(replace(SURE, low=None, high=None, why="under 6 slides"))])
    assert sentence.endswith("with 10 % of the labels, AUROC on the same samples, uni: +0.030, no interval.")


def test_many_differences_are_counted() -> None:
    unsure = replace(SURE, value=-0.01, low=-0.03, high=0.01)
    found = [pair(SURE, model=f"m{number}") for number in range(6)] + [pair(unsure)]
    (sentence,) = describe_adaptations(found)
    assert "higher in 6, not decided in 1 of 7 comparisons; differences from −0.010 to +0.030" in sentence


def test_differences_are_told_at_the_largest_fraction() -> None:
    (sentence,) = describe_adaptations([pair(SURE), pair(replace(SURE, value=0.07), fraction=1.0)])
    assert "with 100 % of the labels" in sentence
    assert "+0.070" in sentence
    assert "+0.030" not in sentence


def test_what_differences_share_is_said_once() -> None:
    found = [pair(SURE, train_domain=domain) for domain in ("breast", "lung", "skin")]
    (sentence,) = describe_adaptations(found)
    assert sentence.count("uni") == 1
    assert (
        "the same samples, uni: trained on breast +0.030 (+0.010 to +0.050), higher; trained on lung +0.030" in sentence
    )


def test_the_adaptation_that_trains_more_comes_first_in_a_difference(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["full", "linear_probe", "lora"], seed=[42, 43])
    measured = measure(study)
    assert measured.order == ["linear_probe", "lora", "full"]
    found = compare_adaptations(measured.stored, measured.primary, measured.order)
    assert [name_pair(one) for one in found] == ["lora − linear_probe", "full − linear_probe", "full − lora"]
    by_name = {result.configuration.adaptation: result.auroc.value for result in measured.primary}
    assert found[0].difference.value == pytest.approx(by_name["lora"] - by_name["linear_probe"])
    assert (found[0].difference.seeds, found[0].difference.verdict) == (2, "higher")


def test_fractions_are_compared_with_the_largest(study: Study, measure: Measure) -> None:
    study.grid(fraction=[0.01, 0.1, 1.0])
    measured = measure(study)
    found = compare_fractions(measured.stored, measured.primary)
    assert [name_pair(one, SHARE) for one in found] == ["100 % − 10 %", "100 % − 1 %"]


def test_models_are_compared_with_the_highest(study: Study, measure: Measure) -> None:
    study.grid(backbone=["resnet50", "uni", "virchow2"])
    measured = measure(study)
    found = compare_models(measured.stored, measured.primary)
    assert len({one.configuration.model for one in found}) == 1
    assert all(one.difference.value >= 0 for one in found)


def test_different_test_samples_give_no_difference_and_say_why(study: Study, measure: Measure) -> None:
    study.add(adaptation="lora", slides=4)
    study.add(adaptation="full", slides=5)
    measured = measure(study)
    (found,) = compare_adaptations(measured.stored, measured.primary, measured.order)
    assert (found.difference.value, found.difference.why) == (None, "not tested on the same samples")
    assert found.difference.verdict == "no interval"


def test_differences_are_drawn_at_the_largest_fraction(study: Study, measure: Measure, tmp_path: Path) -> None:
    study.grid(adaptation=["linear_probe", "full"], fraction=[0.1, 1.0], seed=[42, 43], domains=[("breast", "lung")])
    measured = measure(study)
    found = compare_adaptations(measured.stored, measured.primary, ["linear_probe", "full"])
    (drawn,), _ = draw_adaptations(found, tmp_path)
    assert drawn.title == "Paired differences of adaptations: 100 % of the labels"
    assert drawn.about >= {"uni", "linear_probe", "full"}
    assert drawn.description.count(";") == 0
    assert Path(f"{drawn.stem}.svg").is_file()
