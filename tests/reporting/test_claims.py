"""What pages print of the study that ships is what its stored predictions say today, to the last digit and word."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from mitofm.evaluation.comparisons import Comparisons
from mitofm.reporting.findings import stated
from mitofm.reporting.findings.domain_shift import measure_gaps, tabulate_gaps
from mitofm.reporting.findings.results import tabulate
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.estimates import measure
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.stored import Stored
from mitofm.runs.bundle import open_unpacked
from mitofm.runs.collect import collect

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "experiments" / "nano_study"
NAMES = ("question", "set", "train_domain", "fraction", "model", "adaptation")
"""Columns that tell rows apart."""


def measure_tables(out: Path) -> dict[str, pd.DataFrame]:
    """Tables made of the cells in the bundle by the code of today, as a file gives them."""
    made = {}
    with open_unpacked(STUDY / "nano_study.zip") as bundle:
        collected = collect(bundle.runs, bundle.study)
        stored, asked = Stored(collected, Kept(out / "kept")), Comparisons.from_config(collected.stated)
        results = measure(stored, [group for group in group_cells(collected) if group.done])
        gaps = tabulate_gaps(measure_gaps(stored, results))
        for table in (tabulate(results), gaps, stated.tabulate(*stated.answer(stored, results, asked), asked)):
            rows = table.full
            if table.name == "results":  # as a report's first tables: not each domain by itself
                rows = rows[rows["set"].isin(["in_domain", "out_of_domain"])]
            rows.to_csv(out / f"{table.name}.csv", index=False)
            made[table.name] = pd.read_csv(out / f"{table.name}.csv")
    return made


@pytest.fixture(scope="module")
def worth() -> str:
    """The part of a README that is about the stored study."""
    text = (ROOT / "experiments" / "pretrain_nano" / "README.md").read_text()
    return text[text.index("## What it is worth") : text.index("## On real crops")]


def read(name: str) -> pd.DataFrame:
    """A table that is kept beside the study, from which pages print (`test_study_tables.py`)."""
    return pd.read_csv(STUDY / "tables" / f"{name}.csv")


def test_the_tables_that_pages_print_from_are_those_of_the_stored_cells(tmp_path: Path) -> None:
    made = measure_tables(tmp_path)
    assert sorted(made) == ["gaps", "results", "stated"]
    for name, found in made.items():
        kept = read(name)
        named = [column for column in NAMES if column in kept]
        found, kept = (table.sort_values(named, ignore_index=True) for table in (found, kept))
        pd.testing.assert_frame_equal(found, kept, rtol=1e-6, obj=name)


def test_the_readme_of_nano_says_what_a_tenth_of_the_labels_is_worth(worth: str) -> None:
    answers = read("stated").set_index("question")
    answer, results = answers.loc["a_tenth_of_the_labels_for_lora"], read("results")
    (found,) = re.findall(r"a tenth of the labels is (\w[\w ]*) than all of them", worth)
    assert found == answer["outcome"]
    lora = results[(results["adaptation"] == "lora") & (results["model"] == "nano")].set_index("fraction")
    tenth, whole = (lora.loc[share, "balanced_accuracy"] for share in (0.1, 1.0))
    assert tenth - whole == pytest.approx(answer["difference"])
    assert f"{(tenth - 0.5) / (whole - 0.5):.2f} of what all labels give beyond chance" in worth


def test_the_readme_of_nano_says_of_its_gaps(worth: str) -> None:
    gaps = read("gaps")
    assert f"AUROC on own minus on other domains is {gaps['gap'].max():+.3f} at most" in worth
    assert "all seven intervals hold 0" in worth
    assert ((gaps["gap_low"] < 0) & (gaps["gap_high"] > 0)).tolist() == [True] * 7


def test_the_words_for_the_picture_at_the_front_are_the_answers() -> None:
    picture = re.search(r'<img src="experiments/nano_study/[^>]*>', (ROOT / "README.md").read_text())
    assert picture is not None
    tenth, weights = re.findall(r"instead of [\w% ]+ is (\w+)", picture.group())
    outcomes = read("stated").set_index("question")["outcome"]
    over_twin = outcomes.index.str.startswith("nano")
    assert set(outcomes[~over_twin]) == {tenth}
    assert set(outcomes[over_twin]) == {weights}
