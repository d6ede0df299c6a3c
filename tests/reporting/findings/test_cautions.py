from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import cautions
from mitofm.runs.books import studies
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def test_cautions_say_random_weights_test_only_domains_and_images_as_units(study: Study) -> None:
    study.add(weights="random", backbone="toy_vit", test_only=["melanoma"], slide_unit="image")
    said = " ".join(cautions.describe(collect(study.runs).done))
    assert "Networks that were not pretrained: toy_vit (random weights)." in said
    assert "melanoma" in said
    assert "each image is its own unit" in said


def test_patients_that_tables_count_as_slides_are_a_caution(study: Study) -> None:
    study.add(slide_unit="patient")
    (said,) = cautions.describe(collect(study.runs).done)
    assert said.startswith("Patients are known, and are what is drawn")


def test_a_test_set_that_pretraining_may_have_seen_is_a_caution(study: Study) -> None:
    study.add(backbone="gpfm", seen=["MIDOG 2021"])
    study.add(backbone="uni", seen=[])
    (said,) = cautions.describe(collect(study.runs).done)
    assert "gpfm on MIDOG 2021" in said
    assert "uni" not in said


def test_synthetic_tissue_and_pretraining_on_its_kind_are_cautions(study: Study) -> None:
    study.add(dataset="synthetic", backbone="nano", seen=["synthetic"])
    study.add(dataset="synthetic", backbone="uni", seen=[])
    tissue, kind = cautions.describe(collect(study.runs).done)
    assert "All of it is synthetic tissue" in tissue
    assert "Pretrained on the same kind of synthetic tissue, without labels and on other slides: nano." in kind
    assert "too good" not in kind


def test_domains_scanned_on_one_scanner_each_are_confounded_with_them() -> None:
    frame = pd.DataFrame(
        {
            "domain": ["breast", "breast", "lung", "melanoma"],
            "scanner": ["A", "B", "A", "C"],
            "species": ["human"] * 4,
        }
    )
    (said,) = cautions.describe_confounding(frame)
    assert said.startswith("2 of 3 domains come from one scanner only (lung: A; melanoma: C)")
    (unknown,) = cautions.describe_confounding(frame[["domain"]])
    assert unknown.startswith("No scanner or species is known")
    assert cautions.describe_confounding(frame[frame["domain"] == "breast"]) == []
    assert (
        cautions.describe_confounding(
            frame.assign(scanner=["A", "B", "A", "B"]).iloc[[0, 1, 2, 2]].assign(scanner=list("ABAB"))
        )
        == []
    )


def test_the_report_says_what_is_confounded_where_domains_are_compared(
    study: Study, report: Callable[[Study], Path]
) -> None:
    study.grid(split=["single_domain"], train_domain=["breast", "lung"], slides=[8], domains=[("breast", "lung")])
    out = report(study)
    page = (out / "report.html").read_text()
    assert "2 of 2 domains come from one scanner only" in page
    assert "Trained on the tested domain instead of another one" in page
    tables = {path.stem for path in (out / "tables" / "midog").glob("*.csv")}
    assert {"column_gaps", "worst_domains", "transfer"} <= tables


def test_a_score_that_ranks_the_wrong_way_round_is_a_caution(
    study: Study, measure: Callable[[Study], Measured]
) -> None:
    study.add(backbone="uni", slides=8)
    file = study.add(backbone="virchow2", slides=8) / "predictions.parquet"
    table = pd.read_parquet(file)
    table.assign(logit=-table["logit"]).to_parquet(file, index=False)
    (said,) = cautions.describe_reversed(measure(study).primary)
    assert "in 1 of 2 results (virchow2, lora 0." in said
    assert "reversed" in said


def test_what_left_training_with_a_domain_stands_beside_every_answer(
    study: Study, measure: Callable[[Study], Measured], report: Callable[[Study], Path]
) -> None:
    gone = {"scanner Leica SCN400": 1.0, "species dog": 0.6}
    two = {"domains": [("breast", "lung")], "slides": [6], "seed": [42, 43]}
    study.grid(**two, adaptation=["lora", "linear_probe"], train_domain=["all but lung"], confounded_with=[gone])
    study.grid(**two, adaptation=["lora", "linear_probe"], train_domain=["all but breast"])
    for folder in (study.runs / "cells").iterdir():
        table = pd.read_parquet(folder / "predictions.parquet")
        out = json.loads((folder / "cell.json").read_text())["labels"]["train_domain"].removeprefix("all but ")
        sides = table["domain"].map(lambda domain, out=out: "out_of_domain" if domain == out else "in_domain")
        table.assign(evaluation_set=sides).to_parquet(folder / "predictions.parquet", index=False)
    said = "scanner Leica SCN400 (100 % of it), species dog (60 %)"
    (caution,) = cautions.describe_left_out(measure(study).primary)
    assert caution.startswith(f"More is missing from training than the domain that is left out (with lung: {said}). ")
    family = {"lora": {"adaptation": ["lora", "linear_probe"]}}
    block = {"metric": "auroc", "test_set": "out_of_domain", "margin": 0.02, "family": family}
    studies.state_comparisons(study.runs, study.name, block)
    out = report(study)
    page = (out / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert caution in page
    opening = page[page.index('<ul class="answer">') : page.index("</ul>")]
    assert f"(missing from training, too: {said})" in opening
    for name, tested in (
        ("stated", "set"),
        ("adaptations", "set"),
        ("results", "set"),
        ("domains", "set"),
        ("gaps", None),
    ):
        rows = pd.read_csv(out / "tables" / "midog" / f"{name}.csv", keep_default_na=False)
        lung = rows["train_domain"] == "all but lung"
        outside = lung & rows[tested].isin(("out_of_domain", "lung")) if tested else lung
        assert set(rows.loc[outside, "confounded_with"]) == {said}, name
        assert set(rows.loc[~outside, "confounded_with"]) == {""}, name
        shown = (out / "tables" / "midog" / f"{name}.md").read_text()
        assert shown.count(said) == outside.sum() > 0
        assert "nan" not in shown
