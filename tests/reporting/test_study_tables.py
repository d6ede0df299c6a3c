"""The tables of studies that pages print are those of the stored reports, to the last digit and word."""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from study_tables import ASKED, ROOT, copy_tables, list_pages, make_table, write_tables


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_prints_the_tables_of_reports(page: Path) -> None:
    text = page.read_text()
    assert len(ASKED.findall(text)) == text.count("<!-- table:") > 0
    assert write_tables(text, ROOT / "experiments", page.parent.name) == text


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    tables = tmp_path / "scaling" / "tables"
    tables.mkdir(parents=True)
    (tables / "results.csv").write_text(
        "model,set,fraction,auroc,auroc_low,auroc_high,auroc_slides\n"
        "a,in_domain,0.1,0.7126,0.6,0.8,9\n"
        "a,in_domain,1.0,0.8,,,2\n"
        "b,out_of_domain,1.0,,,,0\n"
    )
    (tables / "stated.csv").write_text(
        "question,corrected,corrected_low,corrected_high,corrected_slides,outcome\n"
        "lora_instead_of_a_probe,-0.0502,-0.0701,0.0001,9,not decided\n"
    )
    return tables


def test_values_of_a_column_become_columns(tables: Path) -> None:
    asked = yaml.safe_load("{of: results, rows: {model: model, tested: set}, across: fraction, show: {AUROC: auroc}}")
    assert make_table(asked, tables).splitlines() == [
        "| model | tested | 10 % | 100 % |",
        "| --- | --- | --- | --- |",
        "| a | in-domain | 0.713 (0.600 to 0.800) | 0.800 |",
        "| b | out-of-domain |  | – |",
    ]


def test_differences_carry_their_sign(tables: Path) -> None:
    asked = yaml.safe_load("{of: stated, rows: {question: question}, show: {difference: corrected, outcome: outcome}}")
    assert (
        make_table(asked, tables).splitlines()[-1]
        == "| lora instead of a probe | -0.050 (-0.070 to 0.000) | not decided |"
    )


def test_rows_are_those_that_are_asked_for_and_two_of_one_name_are_refused(tables: Path) -> None:
    asked = yaml.safe_load("{of: results, where: {fraction: 1.0}, rows: {model: model}, show: {AUROC: auroc}}")
    assert make_table(asked, tables).splitlines()[2:] == ["| a | 0.800 |", "| b | – |"]
    with pytest.raises(ValueError, match="two entries"):
        make_table({**asked, "where": {}}, tables)
    with pytest.raises(SystemExit, match=r"results.csv has no row where fraction is 1, set is out$"):
        make_table({**asked, "where": {"fraction": 1, "set": "out"}}, tables)
    with pytest.raises(SystemExit, match=r"results.csv has no column sets$"):
        make_table({**asked, "where": {"sets": "out"}}, tables)


def test_a_table_that_no_report_has_made_is_one_line(tables: Path) -> None:
    with pytest.raises(SystemExit, match=r"gaps\.csv: there is no such table"):
        make_table({"of": "gaps", "rows": {}, "show": {}}, tables)


def test_a_page_keeps_its_words(tables: Path) -> None:
    asked = "{of: results, where: {model: a, fraction: 0.1}, rows: {model: model}, show: {AUROC: auroc}}"
    page = f"Before.\n<!-- table: {asked} -->\nold\n<!-- /table -->\nAfter.\n"
    told = write_tables(page, tables.parent.parent, "scaling")
    assert told.startswith("Before.\n")
    assert told.endswith("<!-- /table -->\nAfter.\n")
    assert "old" not in told
    assert "| a | 0.713 (0.600 to 0.800) |" in told
    assert write_tables(told, tables.parent.parent, "scaling") == told
    short = write_tables(page.replace("{of:", "{study: scaling, intervals: false, of:"), tables.parent.parent)
    assert "| a | 0.713 |" in short


def test_tables_are_those_of_the_last_report(tables: Path, tmp_path: Path) -> None:
    copy_tables(tables, kept := tmp_path / "kept")
    assert {one.name for one in kept.iterdir()} == {"results.csv", "stated.csv"}
    (tables / "stated.csv").unlink()
    copy_tables(tables, kept)
    assert [one.read_bytes() for one in kept.iterdir()] == [(tables / "results.csv").read_bytes()]
