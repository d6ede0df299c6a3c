"""What a README claims of the study that ships is what its stored predictions say, to the printed digit and word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.answers import Answer
from mitofm.reporting.findings import stated
from mitofm.reporting.findings.domain_shift import measure_gaps
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.estimates import measure
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import format_difference, format_value
from mitofm.runs.bundle import open_unpacked
from mitofm.runs.collect import collect

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CLAIM = r"[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)"
ROW = re.compile(r"^\| (\w+) \| (\d+) % \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)


@dataclass(frozen=True)
class Study:
    """What the stored study answers: its questions, its gaps by the domain trained on, and its results."""

    answers: dict[str, Answer]
    gaps: dict[str, Estimate]
    results: dict[tuple[str, str, str], Result]


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Study:
    with open_unpacked(EXPERIMENTS / "nano_study" / "nano_study.zip") as bundle:
        collected = collect(bundle.runs, bundle.study)
        stored = Stored(collected, Kept(tmp_path_factory.mktemp("kept")))
        results = measure(stored, [group for group in group_cells(collected) if group.done])
        answers, _ = stated.answer(stored, results, Comparisons.from_config(collected.stated))
        gaps = measure_gaps(stored, results)
    return Study(
        {one.question: one for one in answers},
        {gap.configuration.train_domain: gap.difference for gap in gaps},
        {
            (one.configuration.model, one.configuration.adaptation, one.configuration.share): one
            for one in results
            if one.set == "in_domain" and not one.configuration.train_domain
        },
    )


@pytest.fixture(scope="module")
def worth() -> str:
    """The part of the README that is about the stored study."""
    text = (EXPERIMENTS / "pretrain_nano" / "README.md").read_text()
    return text[text.index("## What it is worth") : text.index("## On real crops")]


def spell(difference: Estimate) -> str:
    """As READMEs print it."""
    return format_difference(difference).replace("\N{MINUS SIGN}", "-")


def spell_both(result: Result | None) -> str:
    """Balanced accuracy and AUROC, as the README prints them."""
    if result is None:
        return ""
    return " / ".join(format_value(result.metrics[name]) for name in ("balanced_accuracy", "auroc"))


def test_every_row_of_the_readme_of_nano_is_what_its_stored_study_answers(nano: Study, worth: str) -> None:
    rows = ROW.findall(worth)
    said = {}
    for adaptation, share, own, twin, claim in rows:
        models = ("nano", "nano (random weights)")
        found = [nano.results.get((model, adaptation, f"{share} %")) for model in models]
        assert [own.strip(), twin.strip()] == [spell_both(one) for one in found]
        if re.search(CLAIM, claim):
            under = "under_full_" if adaptation == "full" else ""
            said[f"nano_over_its_twin_{under}at_{share}_percent"] = claim.strip()
    assert len(rows) == len([key for key in nano.results if key[0] == "nano"])
    answered = {question: f"{spell(one.corrected)}, {one.outcome}" for question, one in nano.answers.items()}
    assert said == {question: told for question, told in answered.items() if question.startswith("nano")}


def test_the_readme_of_nano_says_what_a_tenth_of_the_labels_is_worth(nano: Study, worth: str) -> None:
    (answer,) = (one for question, one in nano.answers.items() if not question.startswith("nano"))
    claim = rf"({CLAIM}) balanced accuracy on the four seeds that have both, (\w+)"
    assert re.findall(claim, worth) == [(spell(answer.corrected), answer.outcome)]
    assert answer.difference.seeds == 4
    tenth, whole = (one.value or 0.0 for one in answer.difference.sides or ())
    assert f"which is {(tenth - 0.5) / (whole - 0.5):.2f} on those seeds" in worth


def test_the_readme_of_nano_says_that_no_gap_is_decided(nano: Study, worth: str) -> None:
    values = [found.value or 0.0 for found in nano.gaps.values()]
    assert f"AUROC on own minus on other domains is {max(values):+.3f} at most" in worth
    assert "it is not decided for any" in worth
    assert [found.verdict for found in nano.gaps.values()] == ["not decided"] * 7


def test_the_readme_of_nano_claims_nothing_else(worth: str) -> None:
    """Five answers are compared above: another interval would be one that nothing checks."""
    assert len(re.findall(CLAIM, worth)) == 5


def test_the_words_for_the_picture_at_the_front_are_the_answers(nano: Study) -> None:
    picture = re.search(r'<img src="experiments/nano_study/[^>]*>', (EXPERIMENTS.parent / "README.md").read_text())
    assert picture is not None
    tenth, weights = re.findall(r"instead of [\w% ]+ is (\w+)", picture.group())
    assert {one.outcome for question, one in nano.answers.items() if not question.startswith("nano")} == {tenth}
    assert {one.outcome for question, one in nano.answers.items() if question.startswith("nano")} == {weights}
