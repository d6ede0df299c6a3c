from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.commands import report as report_command
from mitofm.evaluation.metrics import summarise
from mitofm.ground.errors import MitofmError
from mitofm.reporting.measured.results import METRICS
from mitofm.reporting.opened import open_bundle
from mitofm.reporting.report import make_report
from mitofm.runs.books import studies
from mitofm.runs.bundle import pack

if TYPE_CHECKING:
    from conftest import Study

Report = Callable[["Study"], Path]


class Seen(HTMLParser):
    """Where a page points to, which images lack words, and which elements were left open."""

    def __init__(self) -> None:
        super().__init__()
        self.sources, self.wordless, self.open = [], 0, []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.sources += [given[name] for name in ("src", "href") if name in given]
        self.wordless += tag == "img" and not given.get("alt")
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def names(folder: Path, pattern: str) -> set[str]:
    return {path.name for path in folder.rglob(pattern)}


def test_a_scaling_study_has_curves_and_a_page_that_needs_nothing_else(study: Study, whole_report: Report) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=[0.01, 1.0], seed=[42, 43])
    out = whole_report(study)
    figures = {
        "scaling-all-uni",
        "differences-all",
        "cost-seconds-all",
        "cost-trained_parameters-all",
        "reliability-all-uni",
        "roc-all-uni",
    }
    for ending in ("png", "svg", "pdf"):
        assert names(out, f"*.{ending}") == {f"{name}.{ending}" for name in figures}
    tables = {"adaptations", "fractions", "domains", "transfer", "worst_domains", "results", "data", "unfinished"}
    tables |= {
        "cost",
        "reliability",
        "mistakes",
        "probabilities",
        "predictive_values",
        "counts",
        "counts_by_domain",
        "counts_by_slide",
    }
    for ending in ("csv", "md", "tex"):
        assert names(out, f"*.{ending}") == {f"{name}.{ending}" for name in tables}
    page = (out / "report.html").read_text()
    seen = Seen()
    seen.feed(page)
    assert seen.sources
    assert all(source.startswith("data:") or f'id="{source[1:]}"' in page for source in seen.sources)
    assert "Compared" in page[: page.index("<nav")]
    assert page[: page.index("<nav")].count('<ul class="answer">') == 1
    assert "url(" not in page
    assert "@import" not in page
    assert (seen.wordless, seen.open) == (0, [])
    assert (
        page.index("lora instead of linear_probe by")
        < page.index("<img")
        < page.index("<nav")
        < page.index("lora − linear_probe with")
    )
    assert "mitotic figure against hard negative" in page


def test_cells_that_were_planned_and_not_started_are_told_with_what_they_would_choose(
    study: Study, report: Report, tmp_path: Path
) -> None:
    study.grid(adaptation=["lora"], seed=[42, 43])
    studies.note_grid(study.runs, study.name, {"data": "midog"}, {"adaptation": ["lora", "full"], "seed": ["42", "43"]})
    for number, seed in enumerate(("42", "43")):
        studies.enlist(
            study.runs, study.name, study.cells[number], {"data": "midog", "adaptation": "lora", "seed": seed}
        )
    out = report(study)
    left = pd.read_csv(out / "tables" / "unfinished.csv").to_numpy().tolist()
    assert left == [[f"adaptation=full, seed={seed}", "planned", "not started"] for seed in (42, 43)]
    assert "2 of 4 cells are finished (2 planned and not started)." in (out / "report.html").read_text()
    pack(study.runs, study.name, out, tmp_path / "study.zip")
    opened = open_bundle(tmp_path / "study.zip", tmp_path / "opened", tmp_path / "cache")
    assert (opened.page.parent / "tables" / "unfinished.csv").read_bytes() == (
        out / "tables" / "unfinished.csv"
    ).read_bytes()


def test_one_fraction_has_a_forest_and_one_domain_no_matrix(study: Study, report: Report) -> None:
    study.grid(adaptation=["linear_probe", "lora"], domains=[("breast",)])
    out = report(study)
    assert "auroc-all.svg" in names(out, "*.svg")
    assert not any(name.startswith(("matrix", "scaling", "gap")) for name in names(out, "*.svg"))
    assert "domains.csv" not in names(out, "*.csv")


def test_a_cross_domain_study_has_matrices_and_gaps(study: Study, report: Report) -> None:
    study.grid(split=["single_domain"], train_domain=["breast", "lung"], seed=[42, 43, 44])
    out = report(study)
    assert {"matrix-uni-lora.svg", "gap-uni.svg"} <= names(out, "*.svg")
    gaps = pd.read_csv(out / "tables" / "midog" / "gaps.csv")
    assert list(gaps["train_domain"]) == ["breast", "lung"]
    assert np.allclose(gaps["gap"], gaps["in_domain"] - gaps["out_of_domain"], atol=1e-5)


def test_data_sets_are_reported_apart(study: Study, report: Report) -> None:
    study.grid(dataset=["ami", "midog"], domains=[("breast",)])
    out = report(study)
    assert {folder.name for folder in (out / "tables").iterdir() if folder.is_dir()} == {"ami", "midog"}
    assert set(pd.read_csv(out / "tables" / "ami" / "results.csv")["dataset"]) == {"ami"}


def test_equal_cells_give_equal_files(study: Study, tmp_path: Path) -> None:
    study.grid(adaptation=["lora"], fraction=[0.1, 1.0], domains=[("breast", "lung")])
    first, second = (
        make_report(study.runs, study.name, tmp_path / name, tmp_path / "cache").parent for name in ("first", "second")
    )
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) > 10
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_a_bundle_laid_beside_follows_as_a_chapter_of_its_own_and_changes_no_other(
    study: Study, report: Report, tmp_path: Path
) -> None:
    study.grid(adaptation=["linear_probe", "lora"], domains=[("breast", "lung")])
    stored = type(study)(tmp_path / "elsewhere", "with_more_seeds")
    stored.grid(adaptation=["lora"], seed=[42, 43], domains=[("breast", "lung")])
    stored.folder(stored.labels | {"seed": 44})  # listed, never started
    theirs = make_report(stored.runs, stored.name, tmp_path / "theirs", tmp_path / "cache", crops=False).parent
    pack(stored.runs, stored.name, theirs, tmp_path / "stored.zip", "make with-more-seeds")
    alone = report(study)
    both = make_report(
        study.runs, study.name, tmp_path / "both", tmp_path / "cache", beside=tmp_path / "stored.zip"
    ).parent
    page = (both / "report.html").read_text()
    assert page.count("<h2 id=") == (alone / "report.html").read_text().count("<h2 id=") + 1
    assert "midog, stored results of with_more_seeds" in page
    opening = page[: page.index("<nav")]
    assert "The models of this study (2 cells, 1 seed, " in opening
    assert "So another study comes first: midog, stored results of with_more_seeds." in opening
    assert "Not run here: 2 cells of 2 seeds, " in opening
    assert "Not run here: 2 cells of 2 seeds, whose predictions are stored in stored.zip" in page
    assert "made them: make with-more-seeds" in page
    assert "2 of 3 cells are finished" in page
    for ours, beside in ((alone, both), (theirs, both / "beside")):
        tables = sorted((ours / "tables" / "midog").glob("*.csv"))
        assert len(tables) > 5
        for table in tables:
            assert (beside / "tables" / "midog" / table.name).read_bytes() == table.read_bytes(), table.name


def test_where_as_typed_narrows_the_report_which_says_so_in_a_folder_of_its_own(
    study: Study, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], slides=[2], domains=[("breast",)])
    monkeypatch.setenv("MITOFM_RUNS", str(study.runs))
    monkeypatch.setenv("MITOFM_CACHE", str(tmp_path / "cache"))
    report_command.main([f"study={study.name}", "where=backbone=uni adaptation=lora,full"])
    page = Path(capsys.readouterr().out.strip())
    assert page.parent == study.runs / "reports" / "made_up-backbone-uni-adaptation-lora-full"
    assert set(pd.read_csv(page.parent / "tables" / "midog" / "results.csv")["adaptation"]) == {"lora", "full"}
    assert "A part of the study only (backbone uni, adaptation lora or full): 2 of its 3 cells." in page.read_text()
    with pytest.raises(MitofmError, match="W&B gets whole reports only"):
        report_command.main([f"study={study.name}", "where=adaptation=lora", "logger=default"])


def test_a_setting_of_one_fraction_has_no_curve_beside_those_of_several(study: Study, report: Report) -> None:
    study.grid(fraction=[0.1, 1.0], adaptation=["lora"], domains=[("breast", "lung")])
    study.add(split="single_domain", train_domain="breast", domains=("breast", "lung"))
    drawn = names(report(study), "*.svg")
    assert {name for name in drawn if name.startswith("scaling")} == {"scaling-split-in_domain-all-uni.svg"}


def test_a_bundle_whose_numbers_come_out_otherwise_is_told_how_far_and_refused_beyond_rounding(
    study: Study, tmp_path: Path, undrawn: None
) -> None:
    study.grid(adaptation=["linear_probe", "lora"], domains=[("breast",)], slides=[8])
    first, second = {"adaptation": ["lora", "linear_probe"]}, {"adaptation": ["linear_probe", "lora"]}
    family = {"second_by_name": first, "first_by_name": second}  # answered in this order
    asked = {"metric": "auroc", "test_set": None, "margin": 0.02, "family": family}
    studies.state_comparisons(study.runs, study.name, asked)
    packed = make_report(study.runs, study.name, tmp_path / "packed", tmp_path / "cache", crops=False).parent
    answered = pd.read_csv(packed / "tables" / "midog" / "stated.csv")["question"].tolist()
    assert answered == list(family)
    pack(study.runs, study.name, packed, tmp_path / "whole.zip")
    whole = open_bundle(tmp_path / "whole.zip", tmp_path / "out", tmp_path / "cache")
    assert (whole.tables > 5, whole.rounded) == (True, {})
    file = packed / "tables" / "midog" / "results.csv"
    table = pd.read_csv(file, float_precision="round_trip")
    for factor in (1 + 2e-13, 1 + 2e-7):
        other = table.copy()
        other.loc[0, "auroc"] *= factor
        other.to_csv(file, index=False)
        pack(study.runs, study.name, packed, tmp_path / f"{factor}.zip")
    # As another processor may round.
    rounded = open_bundle(tmp_path / f"{1 + 2e-13}.zip", tmp_path / "out", tmp_path / "cache").rounded
    assert rounded == {"tables/midog/results.csv": pytest.approx(2e-13, rel=0.1)}
    with pytest.raises(MitofmError, match=r"1 of its \d+ tables .*results.csv: numbers apart by 2e-07"):
        open_bundle(tmp_path / f"{1 + 2e-7}.zip", tmp_path / "out", tmp_path / "cache")


def test_seeds_are_those_in_which_a_set_was_tested(study: Study, report: Report) -> None:
    study.add(seed=42)
    study.add(seed=43, domains=("breast", "lung"))
    domains = pd.read_csv(report(study) / "tables" / "midog" / "domains.csv").set_index("set")
    assert domains["seeds"].to_dict() == {"breast": 2, "lung": 2, "lymphoma": 1, "melanoma": 1}
    assert set(domains["planned"]) == {2}


def test_what_is_not_there_is_listed_and_averaged_over_nothing(study: Study, report: Report) -> None:
    done = study.add(seed=42)
    states = {43: ("FAILED", "RuntimeError: <b>out of memory</b>"), 44: ("SKIPPED", "no positive in training")}
    for seed, (state, reason) in states.items():
        folder = study.folder(study.labels | {"seed": seed})
        folder.mkdir(parents=True)
        study.write(folder, "cell.json", {"labels": study.labels | {"seed": seed}})
        (folder / state).write_text(reason)
    study.folder(study.labels | {"seed": 45})  # listed, never started
    out = report(study)
    results = pd.read_csv(out / "tables" / "midog" / "results.csv", float_precision="round_trip")
    assert (results["seeds"].item(), results["planned"].item()) == (1, 3)
    stored = json.loads((done / "metrics.json").read_text())["sets"]["all"]
    assert {name: results[name].item() for name in METRICS} == {name: stored[name] for name in METRICS}
    unfinished = pd.read_csv(out / "tables" / "unfinished.csv")
    assert sorted(unfinished["state"]) == ["FAILED", "SKIPPED", "missing"]
    page = (out / "report.html").read_text()
    for said in ("&lt;b&gt;out of memory", "no positive in training", "not started", "1 of 4 cells are finished"):
        assert said in page


def test_the_seed_means_are_those_of_the_cells_own_metrics(study: Study, report: Report) -> None:
    folders = [study.add(seed=seed) for seed in (42, 43)]
    stored = [json.loads((folder / "metrics.json").read_text())["sets"]["all"] for folder in folders]
    results = pd.read_csv(report(study) / "tables" / "midog" / "results.csv", float_precision="round_trip")
    for name in METRICS:
        assert results[name].item() == np.mean([one[name] for one in stored])
        if name == "calibration_error":
            assert results[f"{name}_no_interval"].item() == "bins make it too high"
        elif name == "calibration_noise":
            assert results[f"{name}_no_interval"].item() == "it is made of chance alone"
        else:
            assert results[f"{name}_low"].item() < results[name].item() < results[f"{name}_high"].item()


def test_long_words_of_a_table_wrap_and_numbers_do_not(study: Study, report: Report) -> None:
    study.add(train_domain="canine cutaneous mast cell tumor", domains=("canine cutaneous mast cell tumor", "lung"))
    page = (report(study) / "report.html").read_text()
    assert '<td class="words">canine cutaneous mast cell tumor</td>' in page
    assert "<td>lung</td>" in page
    assert not re.search(r'<td class="words">[\d.]+ \(', page)


def test_prevalences_are_those_that_the_report_states(study: Study, undrawn: None, tmp_path: Path) -> None:
    study.add()
    make_report(study.runs, study.name, tmp_path / "report", tmp_path / "cache", prevalences=[0.02, 0.25])
    table = pd.read_csv(tmp_path / "report" / "tables" / "midog" / "predictive_values.csv")
    stated = [name for name in table if name.startswith("ppv_at_") and name.count("_") == 2]
    assert stated == ["ppv_at_0.02", "ppv_at_0.25"]


def test_few_slides_have_no_interval_and_say_so(study: Study, report: Report) -> None:
    study.add(slides=5, domains=("breast",))
    out = report(study)
    results = pd.read_csv(out / "tables" / "midog" / "results.csv")
    assert np.isnan(results["auroc_low"].item())
    assert results["auroc_no_interval"].item() == "under 6 slides"
    assert re.search(r"No interval( where)?: under 6 slides", (out / "report.html").read_text())


def test_a_test_set_of_one_class_is_reported_without_a_value(study: Study, report: Report) -> None:
    folder = study.add(domains=("breast",))
    table = pd.read_parquet(folder / "predictions.parquet").assign(label=0)
    table.to_parquet(folder / "predictions.parquet", index=False)
    study.write(
        folder, "metrics.json", {"threshold": {"value": 0.4, "rule": "validation"}, "sets": summarise(table, 0.0)}
    )
    out = report(study)
    results = pd.read_csv(out / "tables" / "midog" / "results.csv")
    assert np.isnan(results["auroc"].item())
    assert results["auroc_no_interval"].item() == "no seed has samples of both classes"
    assert not names(out, "mistakes*")


def test_nothing_finished_is_an_error(study: Study, tmp_path: Path) -> None:
    study.folder(study.labels)
    with pytest.raises(MitofmError, match=r"no cell is finished \(1 missing\)"):
        make_report(study.runs, study.name, tmp_path, tmp_path)


def test_a_report_tells_the_damaged_cells_and_is_of_the_others(study: Study, report: Report) -> None:
    files = (
        "cell.json", "config.yaml", "cost.json", "environment.json", "metrics.json", "predictions.parquet", "split.parquet"
    )  # fmt: skip
    hurt: dict[str, str] = {}
    for seed, (file, place) in enumerate(product(files, (0.0, 0.3, 0.7, "cut"))):
        path = study.add(seed=seed, domains=("breast",)) / file
        content = path.read_bytes() if path.is_file() else b'{"device": "cpu"}'
        hurt[path.parent.name] = file
        if place == "cut":
            path.write_bytes(content[: len(content) // 2])
        else:
            at = int(float(place) * len(content))
            path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
    study.add(seed=42, domains=("breast",))
    out = report(study)
    told = pd.read_csv(out / "tables" / "unfinished.csv")
    assert set(told["state"]) == {"damaged"}
    assert all(reason.startswith(hurt[cell]) for cell, reason in zip(told["cell"], told["reason"], strict=True))
    assert len(told) >= 12
    assert "damaged)" in (out / "report.html").read_text()
