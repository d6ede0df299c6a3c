"""No page says more than its numbers: a verdict is compared with stored answers, or is not given."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from mitofm.evaluation.verdicts import MARGIN

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from study_tables import ASKED

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "experiments").glob("*/README.md"))]
UNCLAIMED = "**Measured by the rules before 0.2; no verdict is claimed.**"
TESTED = {("experiments/pretrain_nano/README.md", "What it is worth")}
"""Parts of pages of which `test_claims.py` compares every number and word with a stored study."""

NUMBER = r"[+-]?\d*\.\d+"
INTERVAL = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)")
METRIC = re.compile(r"(?<![\d.])[+-]?0?\.\d{3,}")
VERDICT = re.compile(
    r"\b(better|worse|equivalent|equal|higher|highest|lower|lowest|best|worst|superior|inferior|stronger|weaker"
    r"|wins?|loses?|beats?|outperforms?|improves?|gains?|helps?|hurts?|harms?|flatters?|costs|pays|worth"
    r"|as good as|recommend(ed)?|decided)\b",
    re.I,
)
SIGN = {"gap": 1, "after minus before": -1}
"""Of differences in the last column of a table: that of the two columns before it, or the other way round."""
OUTCOME = re.compile(r"\b(better|worse|equivalent|not decided|no interval)$")


class Part(NamedTuple):
    """What stands under one heading of a page."""

    page: str
    heading: str
    text: str

    @property
    def sentences(self) -> Iterator[str]:
        """Its prose, without code."""
        for paragraph in re.split(r"\n\s*\n|\n(?=[-|])", self.text):
            if not paragraph.lstrip("\n").startswith(("|", "    ", "!")):
                yield from re.split(r"(?<=[.])\s+(?=[A-Z`*(+\d-])", " ".join(paragraph.split()))

    @property
    def rows(self) -> list[list[str]]:
        """The rows of its tables, headings too."""
        lines = [line for line in self.text.splitlines() if line.startswith("|") and not line.startswith("|---")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class Interval(NamedTuple):
    """A printed value and its interval."""

    value: float
    low: float
    high: float

    def holds(self, number: float) -> bool:
        """Whether a number lies inside, or at an end."""
        return self.low <= number <= self.high


def read_intervals(text: str) -> list[Interval]:
    """All that a text prints."""
    return [Interval(*map(float, found)) for found in INTERVAL.findall(text)]


def read_parts(page: Path) -> list[Part]:
    """What a page says, heading by heading, but for tables that are a report's own (`test_study_tables.py`)."""
    name = page.relative_to(ROOT).as_posix()
    found = re.split(r"^#+ (.*)$", ASKED.sub("", page.read_text()), flags=re.M)
    return [Part(name, heading, text) for heading, text in zip(found[1::2], found[2::2], strict=True)]


def read_part(page: str, heading: str) -> Part:
    """The one under that heading."""
    (part,) = (part for part in read_parts(ROOT / page) if part.heading == heading)
    return part


PARTS = [part for page in PAGES for part in read_parts(page)]
UNCLAIMED_PARTS = [part for part in PARTS if UNCLAIMED in part.text]


def find_claims(part: Part) -> list[str]:
    """Sentences with a verdict, in a part that prints intervals or beside a metric of their own."""
    measured = INTERVAL.search(part.text) is not None
    told = (sentence.replace(UNCLAIMED, "") for sentence in part.sentences)
    return [sentence for sentence in told if VERDICT.search(sentence) and (measured or METRIC.search(sentence))]


def judge_rows(part: Part) -> Iterator[tuple[str, str]]:
    """Each outcome in a row with what it is said of: the same entry, or the nearest one before it that has a difference."""
    for row in part.rows:
        for place, entry in enumerate(row):
            found = OUTCOME.search(entry)
            if found:
                before = [one for one in row[: place + 1] if re.search(NUMBER, one) and ("(" in one or one[0] in "+-")]
                yield found[0], before[-1] if before else " ".join(row)


def may_say(outcome: str, said_of: str) -> bool:
    """Whether the interval that is printed allows that word at all."""
    found = read_intervals(said_of)
    if not found:
        return outcome == "no interval" or (outcome == "equivalent" and "the same predictions" in said_of)
    _, low, high = found[-1]
    allowed = {
        "better": low > 0,
        "worse": high < 0,
        "equivalent": low > -MARGIN and high < MARGIN,
        "not decided": not (low > -MARGIN and high < MARGIN),
    }
    return allowed.get(outcome, False)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.page}: {part.heading}")
def test_a_verdict_is_compared_with_a_stored_answer_or_not_given(part: Part) -> None:
    if (part.page, part.heading) not in TESTED:
        assert find_claims(part) == []
        if UNCLAIMED not in part.text:
            assert list(judge_rows(part)) == []


@pytest.mark.parametrize("part", UNCLAIMED_PARTS, ids=lambda part: part.page)
def test_an_outcome_of_older_rules_does_not_contradict_its_interval(part: Part) -> None:
    wrong = [(outcome, said_of) for outcome, said_of in judge_rows(part) if not may_say(outcome, said_of)]
    assert wrong == []


def test_the_tested_parts_are_there_and_say_something() -> None:
    for page, heading in TESTED:
        assert find_claims(read_part(page, heading))
    assert {part.page for part in UNCLAIMED_PARTS} >= {
        *(f"experiments/{study}/README.md" for study in ("augmentation", "leave_one_domain_out")),
    }


def test_a_value_lies_in_its_interval_on_every_page() -> None:
    assert [one for part in PARTS for one in read_intervals(part.text) if not one.holds(one.value)] == []


def test_a_difference_is_that_of_what_stands_beside_it() -> None:
    compared, column = 0, ""
    for row in (row for part in PARTS for row in part.rows):
        if row[-1] and not re.search(r"\d", row[-1]):
            column = row[-1]
        numbers = [float(found[0]) for found in (re.match(NUMBER, cell) for cell in row[-3:]) if found]
        if column in SIGN and len(numbers) == 3:
            first, second, difference = numbers
            assert SIGN[column] * (first - second) == pytest.approx(difference, abs=0.0015), row
            compared += 1
    assert compared == 25


def test_what_data_scaling_says_of_its_intervals() -> None:
    """Its tables are the report's; these are its sentences about them."""
    stated, results = (
        pd.read_csv(ROOT / f"experiments/data_scaling/tables/{name}.csv") for name in ("stated", "results")
    )
    holds = (stated["corrected_low"] <= 0) & (stated["corrected_high"] >= 0)
    assert len(stated) == 5
    assert stated.loc[holds, "question"].tolist() == ["full_instead_of_lora"]
    random = results[results["model"].str.contains("random") & (results["set"] == "in_domain")]
    assert len(random) == 15
    apart = random[(random["auroc_low"] > 0.5) | (random["auroc_high"] < 0.5)]
    assert apart[["adaptation", "fraction"]].to_numpy().tolist() == [["lora", 0.05]]
    assert round(apart["auroc_high"].item(), 3) == 0.495


def test_what_cross_domain_says_of_its_intervals() -> None:
    """Its tables are the report's; these are its sentences about them."""
    stated, gaps = (pd.read_csv(ROOT / f"experiments/cross_domain/tables/{name}.csv") for name in ("stated", "gaps"))
    outside = stated[(stated["corrected_low"] > 0) | (stated["corrected_high"] < 0)]
    assert len(stated) == 6
    assert outside[["question", "train_domain"]].to_numpy().tolist() == [
        ["lora_instead_of_a_probe", "canine cutaneous mast cell tumor"]
    ]
    held = (gaps["gap_low"] < 0) & (gaps["gap_high"] > 0)
    assert gaps["gap_low"].notna().sum() == held.sum() == 3
    assert (gaps.loc[gaps["gap_low"].isna(), "in_domain_slides"] == 3).all()
    lymphoma = stated[(stated["question"] == "lora_instead_of_a_probe") & (stated["train_domain"] == "canine lymphoma")]
    assert lymphoma[["corrected", "corrected_low", "corrected_high"]].round(3).to_numpy().tolist() == [
        [0.239, -0.254, 0.523]
    ]


def test_what_leave_one_domain_out_says_of_its_intervals() -> None:
    part = read_part("experiments/leave_one_domain_out/README.md", "On `mf_multi`")
    left, gaps, over_probe = "", {}, []
    for row in part.rows:
        left = row[0] or left
        for one in read_intervals(row[-1]) if len(row) == 6 else ():
            gaps[left, row[2]] = one
        over_probe += read_intervals(row[1]) if len(row) == 5 else ()
    assert len(over_probe) == 6
    assert not any(one.holds(0) for one in over_probe)
    assert [key for key, gap in gaps.items() if not gap.holds(0)] == [
        ("canine cutaneous mast cell tumor", "linear_probe"),
        ("canine cutaneous mast cell tumor", "lora"),
        ("canine lymphoma", "linear_probe"),
    ]
    assert gaps["canine lymphoma", "lora"].low == 0


def test_a_number_on_two_pages_is_one_number() -> None:
    """The page of adaptations repeats a number of a study, whose own page has it."""
    studies = " ".join(part.text for part in PARTS if part.page.startswith("experiments/"))
    adaptations = read_part("docs/adaptations.md", "Lists before and after that change")
    repeated = [found[0] for one in adaptations.sentences for found in INTERVAL.finditer(one)]
    assert len(repeated) == 1
    assert [one for one in repeated if one not in studies] == []


@pytest.mark.parametrize(
    ("outcome", "said_of"),
    [
        ("better", "+0.010 (-0.002 to +0.022)"),
        ("worse", "-0.010 (-0.022 to 0.000)"),
        ("equivalent", "+0.010 (-0.001 to +0.021)"),
        ("not decided", "+0.001 (-0.002 to +0.004)"),
        ("better", "+0.093"),
    ],
)
def test_a_word_that_an_interval_forbids_is_found(outcome: str, said_of: str) -> None:
    assert not may_say(outcome, said_of)


@pytest.mark.parametrize(
    "sentence",
    ["`lora` is better: +0.010 (-0.002 to +0.022).", "`strong` has the highest error, 0.211."],
)
def test_a_verdict_beside_a_number_is_found(sentence: str) -> None:
    assert find_claims(Part("page", "heading", f"\nOne.\n{sentence}\n")) == [sentence]
