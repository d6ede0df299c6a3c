"""`mitofm count evaluate=true`: the threshold is that of the validation slides, and each number that of the annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mitofm.commands import evaluating
from mitofm.counting.detection import FALSE, MISSED, read_sums
from mitofm.counting.matching import match
from mitofm.data.dataset import Dataset
from mitofm.ground.csv_cells import read_csv
from mitofm.ground.files import checksum
from mitofm.runs.folder import read_config

from .conftest import MPP, copy, read_all
from .test_count import refused

TISSUE = ("data=synthetic", "data.source.domains=[canine lymphoma,human melanoma]", "data.source.slides_per_domain=6",
          "data.source.cells_per_slide=12")  # fmt: skip


def test_test_slides_are_counted_at_the_threshold_of_the_validation_slides(
    count: Callable[..., str], home: Path, tried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(evaluating, "choose_threshold", die)  # when the validation slides are counted
        with pytest.raises(SystemExit):
            count(*TISSUE, "evaluate=true", f"output={tmp_path}/out")
    assert not (tmp_path / "out" / "detection.csv").exists()
    said = count(*TISSUE, "evaluate=true", f"output={tmp_path}/out")
    split = pd.read_parquet(next(tried.glob("*-linear_probe-*")) / "split.parquet")
    table = read_csv(tmp_path / "out" / "detection.csv").set_index("set")
    slides = {part: read_csv(tmp_path / "out" / part / "slides.csv") for part in ("validation", "test")}
    for part, counted in slides.items():
        assert set(counted["slide"]) == set(split.loc[split["part"] == part, "slide"])
    assert table.loc["all", "threshold_rule"].startswith("highest F1 on")
    assert table.loc["all", "found"] == slides["test"]["mitotic_figures"].sum()
    hits = 0
    samples = Dataset(read_config(next(tried.glob("*-linear_probe-*")))["data"], home / "cache").table()
    for image in slides["test"]["image"]:
        found = pd.read_parquet(tmp_path / "out" / "test" / Path(image).stem / "detections.parquet")
        mine = samples[(samples["image"] == image) & (samples["label"] == 1)]
        called = found.loc[found["predicted"] == 1, ["x", "y"]].to_numpy()
        hits += len(match(called * MPP, mine[["x", "y"]].to_numpy(dtype=float) * MPP))
    assert table.loc["all", "hits"] == hits
    assert table.loc["all", "recall"] == hits / table.loc["all", "figures"]
    assert table.loc["all", "recall"] <= table.loc["all", "proposals_recall"]
    domains = table.loc[["domain:canine lymphoma", "domain:human melanoma"]]
    assert domains[["figures", "found", "hits", *MISSED, *FALSE]].sum().tolist() == [
        table.loc["all", name] for name in ("figures", "found", "hits", *MISSED, *FALSE)
    ]
    errors = read_csv(tmp_path / "out" / "errors.csv")
    assert errors["kind"].value_counts().sum() == table.loc["all", [*MISSED, *FALSE]].sum()
    assert read_csv(tmp_path / "out" / "froc.csv")["recall"].max() <= 1
    assert (tmp_path / "out" / "froc.png").stat().st_size > 5000
    assert "proposals alone" in said
    assert "false:" in said
    before = read_all(tmp_path / "out")
    assert count("evaluate=true", f"output={tmp_path}/out") == said  # of its own data, and nothing is computed again
    assert read_all(tmp_path / "out") == before


def test_sums_that_were_changed_are_not_read(tmp_path: Path) -> None:
    facts = {"threshold": 0.0, "rule": "x", "slides": {"unit": ["a"], "hits": [3]}}
    whole = facts | {"checksum": checksum(facts)}
    (tmp_path / "sums.json").write_text(json.dumps(whole))
    assert read_sums(tmp_path / "sums.json")["hits"].tolist() == [3]
    (tmp_path / "sums.json").write_text(json.dumps(whole).replace("[3]", "[4]"))
    assert read_sums(tmp_path / "sums.json") is None


def test_only_what_is_annotated_exhaustively_is_evaluated(
    count: Callable[..., str], slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"output={tmp_path}/out"
    own = ("data=own_csv", f"data.source.root={slides}", "evaluate=true", out)
    assert "data.exhaustive=true says so" in refused(count, capsys, *own)
    assert "no slides or region" in refused(count, capsys, f"slides={slides}", "evaluate=true", out)
    assert not np.any(list(tmp_path.iterdir()))


def test_images_without_an_annotation_are_in_no_number_and_that_is_said(
    count: Callable[..., str], slides: Path, tmp_path: Path
) -> None:
    own = copy(slides, tmp_path / "own")
    (own / "cells.csv").write_text("x,y,label,filename\n500,300,1,one.tif\n600,400,0,one.tif\n")
    asked = (
        "data=own_csv",
        f"data.source.root={own}",
        "data.exhaustive=true",
        "evaluate=true",
        "proposals_per_mm2=100",
    )
    said = count(*asked, f"output={tmp_path}/out")
    assert f"images beside these without a sample: 1, such as {own}/two.tif: they are not counted on" in said
    assert read_csv(tmp_path / "out" / "detection.csv").set_index("set").loc["all", "slides"] == 1
    (own / "two.tif").unlink()
    assert "without a sample" not in count(*asked, f"output={tmp_path}/again")
