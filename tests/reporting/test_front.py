"""What a page opens with says no more than the results behind it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.contrasts import say_answers
from mitofm.reporting.finding import Headline, Measured
from mitofm.reporting.findings import best, differences, domain_shift, stated
from mitofm.reporting.front import MOST, make_front, pick_sentences
from mitofm.reporting.measured.configurations import Configuration
from mitofm.reporting.origin import describe_origin
from mitofm.reporting.wording import name_tested, spell_amounts, spell_difference
from mitofm.runs.collect import collect

from ..made_up import Study

Measure = Callable[[Study], Measured]
_INTERVAL = re.compile(r"[+−]?[\d.]+ \(([+−]?[\d.]+) to ([+−]?[\d.]+)\), decided: (\w+)")


@pytest.mark.parametrize(
    ("ends", "seeds", "said"),
    [
        ((0.01, 0.03), 3, "decided: higher"),
        ((-0.05, -0.03), 3, "decided: lower"),
        ((-0.01, 0.03), 3, "not decided"),
        ((0.01, 0.03), 1, "could not be decided: one training only"),
    ],
)
def test_a_verdict_is_that_of_its_interval(ends: tuple[float, float], seeds: int, said: str) -> None:
    low, high = ends
    found = Estimate((low + high) / 2, low, high, slides=9, seeds=seeds)
    assert spell_difference(found).rpartition("), ")[2] == said


def test_of_what_was_asked_beforehand_nothing_else_is_said() -> None:
    said = [Headline(0, "model", "asked"), Headline(0, "model", "asked, too"), Headline(1, "labels", "")]
    said += [Headline(4, "model", "found"), *(Headline(5, str(n), str(n)) for n in range(9))]
    assert pick_sentences(said) == ["asked", "asked, too", "0", "1", "2"]
    assert len(pick_sentences(said)) == MOST


def test_one_training_gives_no_verdict(study: Study, measure: Measure, tmp_path: Path) -> None:
    study.grid(adaptation=["linear_probe", "lora"], split=["single_domain"], train_domain=["breast"], slides=[8])
    measured = measure(study)
    headlines = [one for finding in (best, differences, domain_shift) for one in finding.find(measured).headlines]
    front = make_front(measured, headlines)
    assert not front.decides
    assert "no verdict" in front.facts["How sure"]
    words = " ".join(front.sentences)
    assert "trained once" in words
    assert "one training only" in words
    assert not re.search(r"(?<!not be )decided", words)


def test_the_opening_says_what_its_pairs_and_results_do(study: Study, measure: Measure) -> None:
    study.grid(
        adaptation=["linear_probe", "lora"],
        seed=[42, 43, 44],
        split=["leave_one_out"],
        train_domain=["breast"],
        slides=[8],
    )
    measured = measure(study)
    (pair,) = [one for one in differences.compare_adaptations(measured.stored, measured.primary, measured.order)
               if one.first.set == "in_domain"]  # fmt: skip
    headlines = [one for finding in (best, differences, domain_shift) for one in finding.find(measured).headlines]
    front = make_front(measured, headlines)
    assert front.decides
    slides = max(one.auroc.slides for one in measured.primary)
    assert front.size == f"6 cells, 3 seeds, {slides} test slides"
    assert any(
        one.endswith(f"lora instead of linear_probe by {spell_difference(pair.difference)}.") for one in front.sentences
    )
    highest = max((one for one in measured.primary if one.set == "in_domain"), key=lambda one: one.auroc.value or 0)
    assert f"{100 * (highest.auroc.value or 0):.0f} of 100 pairs" in front.sentences[0]
    for low, high, word in _INTERVAL.findall(" ".join(front.sentences)):
        assert (low[0] == "−", high[0] == "−") == ((False, False) if word == "higher" else (True, True))


def test_contrasts_count_the_outcomes_of_their_answers(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=[0.1, 1.0], seed=[42, 43, 44], slides=[8])
    measured = measure(study)
    asked = Comparisons.from_config({
        "metric": "auroc", "test_set": None, "margin": 0.02,
        "family": {"a": {"adaptation": ["lora", "linear_probe"]}, "b": {"fraction": [0.1, 1.0], "adaptation": "lora"}},
    })  # fmt: skip
    found, _ = stated.answer(measured.stored, measured.results, asked)
    adaptations, labels = say_answers(found, asked, None, leaks=False)
    first = [one for one in found if one.question == "a"]
    assert [one.about for one in (adaptations, labels)] == ["adaptation", "share"]
    for outcome in {one.outcome for one in first}:
        assert f"{outcome} in {sum(one.outcome == outcome for one in first)}" in adaptations.words
    assert "lora instead of linear_probe (uni, 10 % and 100 % of the labels)" in adaptations.words
    assert "10 % of the labels instead of 100 % (uni, lora)" in labels.words


def test_amounts_are_named_if_few_and_spanned_if_many() -> None:
    keys = [Configuration("d", "", "", fraction, "uni", "lora") for fraction in (1.0, 0.1, 0.1)]
    assert spell_amounts(keys) == "10 % and 100 % of the labels"
    many = [Configuration("d", "", "", fraction, "uni", "lora", "slide") for fraction in (1, 2, 5, 10, 20)]
    assert spell_amounts(many) == "the labels of 1 slide to 20 slides"


def test_no_slide_that_was_trained_on_is_called_another() -> None:
    assert name_tested("all") == "slides that were not trained on"
    assert "new" not in name_tested("all", leaks=True) + name_tested("in_domain", leaks=True)
    assert name_tested("out_of_domain", ["lung"]) == "slides of lung, which was never trained on"


def test_the_date_is_that_of_the_last_cell_and_a_bundle_has_none(study: Study) -> None:
    for seed, day in ((1, 86_400), (2, 2 * 86_400)):
        os.utime(study.add(seed=seed, slides=2) / "DONE", (day, day))
    collected = collect(study.runs, study.name)
    assert describe_origin(collected, study.name, True) == [
        "2 of 2 cells (runs of the grid) are finished, the last on 3 January 1970."
    ]
    (said,) = describe_origin(collected, study.name, False)
    assert "January" not in said
    assert describe_origin(collected, "demo", True)[0].startswith("How do few labels")
