"""No page says more than its numbers: a verdict stands in a table that is a report's own, or is not given."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from study_tables import ASKED

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "experiments").glob("*/README.md"))]
NUMBER = r"[+-]?\d*\.\d+"
INTERVAL = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)")
METRIC = re.compile(r"(?<![\d.])[+-]?0?\.\d{3,}")
VERDICT = re.compile(
    r"\b(better|worse|equivalent|equal|higher|highest|lower|lowest|best|worst|superior|inferior|stronger|weaker"
    r"|wins?|loses?|beats?|outperforms?|improves?|gains?|helps?|hurts?|harms?|flatters?|costs|pays|worth"
    r"|as good as|recommend(ed)?|decided)\b",
    re.I,
)
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


PARTS = [part for page in PAGES for part in read_parts(page)]


def find_claims(part: Part) -> list[str]:
    """Sentences with a verdict, in a part that prints intervals or beside a metric of their own."""
    measured = INTERVAL.search(part.text) is not None
    return [said for said in part.sentences if VERDICT.search(said) and (measured or METRIC.search(said))]


def find_outcomes(part: Part) -> list[list[str]]:
    """Rows of tables that nothing compares with a report, and that have an outcome."""
    return [row for row in part.rows if any(OUTCOME.search(entry) for entry in row)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.page}: {part.heading}")
def test_a_verdict_stands_in_a_table_of_a_report_or_is_not_given(part: Part) -> None:
    assert find_claims(part) == []
    assert find_outcomes(part) == []


def test_a_value_lies_in_its_interval_on_every_page() -> None:
    assert [one for part in PARTS for one in read_intervals(part.text) if not one.holds(one.value)] == []


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


def test_what_augmentation_says_of_its_intervals() -> None:
    """Its tables are the report's; these are its sentences about them."""
    stated = pd.read_csv(ROOT / "experiments/augmentation/tables/stated.csv")
    assert len(stated) == 4
    assert ((stated["corrected_low"] < -stated["margin"]) & (stated["corrected_high"] > stated["margin"])).all()
    assert stated.groupby("set")["difference_slides"].unique().map(list).to_dict() == {
        "in_domain": [56],
        "out_of_domain": [27],
    }
    paper = stated[(stated["question"] == "paper_instead_of_dihedral") & (stated["set"] == "out_of_domain")]
    assert round(paper["difference"].item(), 3) == 0.020


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
    """Its tables are the report's; these are its sentences about them."""
    stated, gaps = (
        pd.read_csv(ROOT / f"experiments/leave_one_domain_out/tables/{name}.csv") for name in ("stated", "gaps")
    )
    known = stated[stated["corrected_low"].notna()]
    outside = known[(known["corrected_low"] > 0) | (known["corrected_high"] < 0)]
    assert [len(stated), len(known), len(outside)] == [14, 10, 4]
    assert set(outside["question"]) == {"lora_instead_of_a_probe"}
    assert (known["question"] == "full_instead_of_lora").sum() == 5
    lung = outside[outside["train_domain"] == "all but canine lung cancer"]
    assert 0 < lung["corrected_low"].item() < 0.0005
    assert ((gaps["gap_low"] < 0) & (gaps["gap_high"] > 0)).sum() == gaps["gap_low"].notna().sum() == 15


def test_an_outcome_in_a_table_by_hand_is_found() -> None:
    assert find_outcomes(
        Part("page", "heading", "\n| question | |\n|---|---|\n| a | +0.010 (-0.002 to +0.022), better |\n")
    )


@pytest.mark.parametrize(
    "sentence",
    ["`lora` is better: +0.010 (-0.002 to +0.022).", "`strong` has the highest error, 0.211."],
)
def test_a_verdict_beside_a_number_is_found(sentence: str) -> None:
    assert find_claims(Part("page", "heading", f"\nOne.\n{sentence}\n")) == [sentence]
