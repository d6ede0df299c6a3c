"""Scores of trained cells: those of the test if the samples are those of the test, and none if anything differs."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score

from mitofm.commands.composing.compose import compose
from mitofm.data.dataset import Dataset
from mitofm.ground.csv_cells import read_csv
from mitofm.runs.resolve import plain

from .checkpoints import TISSUE, Typed, altered, refused

WHERE = ("sample_id", "image", "x", "y", "slide", "domain", "label")


def resolve_data(words: list[str], home: Path) -> dict[str, Any]:
    """The group data of a command."""
    return plain(compose("prepare", [word for word in words if word.startswith("data")] + [f"paths.data={home}/data"]))[
        "data"
    ]


@pytest.mark.parametrize("mode", ["linear_probe", "lora", "prompt"])
def test_its_own_test_samples_get_their_own_logits(typed: Typed, tried: Path, tmp_path: Path, mode: str) -> None:
    folder = next(tried.glob(f"*-{mode}-*"))
    stored, out = folder / "predictions.parquet", tmp_path / "scores.parquet"
    said, _ = typed("predict", mode, *TISSUE, f"samples={stored}", f"output={out}")
    tested, found = pd.read_parquet(stored), pd.read_parquet(out)
    columns = ["sample_id", "slide", "domain", "label", "logit"]
    pd.testing.assert_frame_equal(found[columns], tested[columns], check_exact=True)
    stored_metrics = json.loads((folder / "metrics.json").read_text())
    threshold, prior = stored_metrics["threshold"], stored_metrics["prior"]
    assert threshold["rule"] == "validation"
    train = pd.read_parquet(folder / "split.parquet").query("part == 'train'")["label"]
    assert prior["logit"] == pytest.approx(np.log(train.sum() / (1 - train).sum()))
    assert json.loads((folder / "checkpoint" / "checkpoint.json").read_text())["prior"] == prior
    assert found["probability"].tolist() == expit(tested["logit"] + prior["logit"]).tolist()
    assert threshold["value"] == pytest.approx(expit(threshold["logit"] + prior["logit"]))
    assert found["predicted"].tolist() == (found["logit"] >= threshold["logit"]).astype(int).tolist()
    of_test = json.loads((folder / "metrics.json").read_text())["sets"]["all"]
    right = balanced_accuracy_score(found["label"], found["predicted"])
    assert right == pytest.approx(of_test["balanced_accuracy_chosen"], abs=1e-12)
    assert "trained or chosen on" not in said


@pytest.mark.parametrize("mode", ["linear_probe", "lora"])
def test_a_narrower_field_of_view_goes_with_the_checkpoint(
    typed: Typed, tried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MITOFM_RUNS", str(tmp_path / "runs"))
    typed("train", *TISSUE, "backbone=toy_vit_p16", f"adaptation={mode}", "protocol/confounders=field_of_view",
          "+protocol.confounders.field_of_view.shares.toy_vit_p16=0.75", "logger=none", "fit.max_steps=2")  # fmt: skip
    (cell,) = (tmp_path / "runs" / "cells").iterdir()
    checkpoint, out = shutil.copytree(cell / "checkpoint", tmp_path / "sent"), tmp_path / "scores.parquet"
    said, _ = typed("predict", checkpoint, *TISSUE, f"samples={cell}/predictions.parquet", f"output={out}")
    assert "its centre is seen, 48 of 64 px" in said
    tested, found = pd.read_parquet(cell / "predictions.parquet"), pd.read_parquet(out)
    pd.testing.assert_series_equal(found["logit"], tested["logit"], check_exact=True)

    typed("export", checkpoint, *TISSUE[:4], "format=safetensors", f"output={tmp_path}/net")
    said_of = json.loads((tmp_path / "net" / "model.json").read_text())["input"]
    assert (said_of["patch"]["crop_px"], said_of["cut_to_centre"], said_of["resize_to"]) == (64, [48, 48], [64, 64])


def test_a_copied_checkpoint_scores_cells_without_labels(
    typed: Typed, tried: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "sent"
    shutil.copytree(next(tried.glob("*-lora-*")) / "checkpoint", copied)
    facts = json.loads((copied / "checkpoint.json").read_text())
    del facts["threshold"]["logit"], facts["checksum"]  # as before version 4
    (copied / "checkpoint.json").write_text(json.dumps(facts))
    images = home / "data" / "synthetic"
    image = next(images.rglob("*.tif"))
    rows = [f"{image.relative_to(images)},{x},{x},a,one" for x in (70, 90, 110)]
    (tmp_path / "cells.csv").write_text("\n".join(["filename,x,y,slide,tumortype", *rows]))
    own = [
        "data=own_csv",
        f"data.source.root={images}",
        f"data.source.file={tmp_path}/cells.csv",
        "data.source.columns.label=null",
    ]
    said, _ = typed("predict", copied, *own, "data.image_mpp=0.25", "trainer.threads=1")
    assert "patches are cut as the cell was trained: crop_px=64" in said
    found = pd.read_parquet(home / "runs" / "predictions" / "sent-on-own_csv.parquet")
    assert list(found) == [*WHERE[:4], "mpp", *WHERE[4:6], "logit", "probability", "predicted"]
    assert len(found) == 3
    assert found["logit"].nunique() == 3
    assert found["predicted"].tolist() == (expit(found["logit"]) >= facts["threshold"]["value"]).astype(int).tolist()
    with pytest.raises(SystemExit):
        typed(
            "train", *own, "data.image_mpp=0.25", "data.crop_px=64", f"paths.runs={tmp_path}/runs", "trainer.threads=1"
        )
    assert "the samples of data set 'own_csv' have no label" in capsys.readouterr().err


def test_cells_it_was_trained_on_are_counted(typed: Typed, tried: Path, tmp_path: Path) -> None:
    split = pd.read_parquet(next(tried.glob("*-linear_probe-*")) / "split.parquet")
    said, _ = typed("predict", "linear_probe", *TISSUE, f"output={tmp_path}/x.parquet")
    assert (
        f"{split['part'].isin(['train', 'validation']).sum()} of these samples lie on slides that were trained or chosen on"
        in said
    )


def test_a_file_of_the_data_set_is_not_written_over(
    typed: Typed, tried: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = next((home / "data" / "synthetic").rglob("*.tif"))
    table = image.parent / "cells.csv"
    table.write_text(f"x,y,filename\n70,70,{image.name}\n")
    own = ["data=own_csv", f"data.source.root={image.parent}", "data.source.columns.label=null", "data.image_mpp=0.25"]
    with pytest.raises(SystemExit):
        typed("predict", "linear_probe", *own, f"output={table}")
    assert "is a file of data set 'own_csv' itself, and would be lost" in capsys.readouterr().err
    assert table.read_text().startswith("x,y,filename")


def test_a_cell_that_failed_is_not_meant(typed: Typed, tried: Path, tmp_path: Path) -> None:
    (cell,) = tried.glob("*-linear_probe-*")
    failed = cell.with_name(cell.name + "-failed")
    failed.mkdir()
    (failed / "config.yaml").write_text((cell / "config.yaml").read_text())
    try:
        typed("predict", "linear_probe", *TISSUE, f"output={tmp_path}/x.parquet")
    finally:
        shutil.rmtree(failed)
    assert (tmp_path / "x.parquet").is_file()


def test_scores_lead_back_to_the_slide_whatever_the_ending(
    typed: Typed, tried: Path, home: Path, tmp_path: Path
) -> None:
    for ending in ("parquet", "csv", "geojson"):
        said, _ = typed("predict", "linear_probe", *TISSUE, f"output={tmp_path}/{ending}/x.{ending}")
    assert f"12 files, one for each image, as QuPath opens them:\n{tmp_path}/geojson/x-*.geojson" in said
    found = pd.read_parquet(tmp_path / "parquet" / "x.parquet")
    cells = Dataset(resolve_data(TISSUE, home), home / "cache").table()
    pd.testing.assert_frame_equal(found[list(WHERE)], cells[list(WHERE)], check_exact=True)
    assert set(found["mpp"]) == {0.25}

    text = (tmp_path / "csv" / "x.csv").read_bytes().decode()
    assert text.startswith(",".join(found) + "\n")
    as_csv = pd.read_csv(tmp_path / "csv" / "x.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(as_csv, found, check_exact=True, check_dtype=False)

    files = sorted((tmp_path / "geojson").iterdir())
    documents = [json.loads(file.read_text(), parse_constant=pytest.fail) for file in files]
    features = [feature for document in documents for feature in document["features"]]
    rows = {row["sample_id"]: row for row in found.to_dict("records")}
    assert len(features) == len(rows)
    for feature in features:
        row, properties = rows[feature["properties"]["sample_id"]], feature["properties"]
        assert feature["geometry"]["coordinates"] == [row["x"], row["y"]]
        assert [properties[key] for key in ("image", "mpp", "slide", "domain")] == [
            row["image"],
            0.25,
            row["slide"],
            row["domain"],
        ]
        assert properties["measurements"] == {"probability": row["probability"], "logit": row["logit"]}
        assert properties["classification"]["name"] == ("look-alike", "mitotic figure")[row["predicted"]]
        assert properties["label"] == ("look-alike", "mitotic figure")[row["label"]]
    assert len({str(feature["properties"]["classification"]) for feature in features}) == 2  # a colour for each label
    facts = json.loads((next(tried.glob("*-linear_probe-*")) / "checkpoint" / "checkpoint.json").read_text())
    origin = {
        "cell": facts["cell"],
        "data": "synthetic",
        "threshold": facts["threshold"]["value"],
        "threshold_logit": facts["threshold"]["logit"],
        "rule": "validation",
    }
    assert [document["mitofm"] for document in documents] == [
        origin | {"image": image} for image in sorted(set(found["image"]))
    ]


def test_fractions_of_a_pixel_and_images_of_one_name_survive_the_way_there_and_back(
    typed: Typed, tried: Path, home: Path, tmp_path: Path
) -> None:
    image = next((home / "data" / "synthetic").rglob("*.tif"))
    for case in ("Fall-Ä", "=B"):
        (tmp_path / case).mkdir()
        shutil.copy(image, tmp_path / case / "001.tif")
    rows = [f"{case}/001.tif,{x},{x / 3},{case},one" for case in ("Fall-Ä", "=B") for x in (210.125, 91.10000000000001)]
    (tmp_path / "cells.csv").write_text("\n".join(["filename,x,y,slide,tumortype", *rows]), encoding="utf-8")
    own = ["data=own_csv", f"data.source.root={tmp_path}", "trainer.threads=1", "data.mpp=null"]
    unlabelled = [*own, "data.source.columns.label=null"]
    typed("predict", "linear_probe", *unlabelled, "as_trained=true", f"output={tmp_path}/x.csv")
    typed("predict", "linear_probe", *unlabelled, "as_trained=true", f"output={tmp_path}/x.geojson")
    found = read_csv(tmp_path / "x.csv").sort_values("sample_id")

    columns = "data.source.columns={image: image, domain: domain, label: predicted}"
    back = Dataset(resolve_data([*own[:2], "data.source.file=x.csv", columns], home), home / "cache").table()
    assert back[["image", "x", "y"]].sort_values(["image", "x"]).to_numpy().tolist() == (
        found[["image", "x", "y"]].sort_values(["image", "x"]).to_numpy().tolist()
    )
    names = {"x-Fall-Ä-001.geojson": "Fall-Ä", "x-_B-001.geojson": "=B"}
    assert {file.name for file in tmp_path.glob("*.geojson")} == set(names)
    for name, case in names.items():
        features = json.loads((tmp_path / name).read_text())["features"]
        assert sorted(feature["geometry"]["coordinates"] for feature in features) == [
            [x, x / 3] for x in (91.10000000000001, 210.125)
        ]
        assert {feature["properties"]["image"] for feature in features} == {f"{case}/001.tif"}


@pytest.mark.parametrize("images", [["case.tif"], ["a/case.tif", "b/case.tif"]])
def test_geojson_is_read_back_as_a_data_set_with_the_same_positions(
    typed: Typed, tried: Path, home: Path, tmp_path: Path, images: list[str]
) -> None:
    for image in images:
        (tmp_path / image).parent.mkdir(exist_ok=True)
        shutil.copy(next((home / "data" / "synthetic").rglob("*.tif")), tmp_path / image)
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(rng.uniform(40, 200, (12, 2)), columns=["x", "y"])
    cells = cells.assign(filename=np.resize(images, 12), slide="S", tumortype="T")
    cells.to_csv(tmp_path / "cells.csv", index=False)
    root = ["data=own_csv", f"data.source.root={tmp_path}"]
    for ending in ("parquet", "geojson"):
        typed("predict", "linear_probe", *root, "data.source.columns.label=null", "data.mpp=null", "trainer.threads=1",
              f"output={tmp_path}/x.{ending}")  # fmt: skip
    words = [
        "data.source.file=x*.geojson",
        "data.source.positive=[mitotic figure]",
        "data.source.negative=[look-alike]",
    ]
    back = Dataset(resolve_data([*root, *words], home), home / "cache").table().set_index("sample_id")
    found = pd.read_parquet(tmp_path / "x.parquet").set_index("sample_id").loc[back.index]
    assert len(back) == len(found) == 12
    assert np.abs(back[["x", "y"]].to_numpy() - found[["x", "y"]].to_numpy()).max() <= 0.01
    assert back["label"].tolist() == found["predicted"].tolist()
    assert back[["image", "slide", "domain"]].equals(found[["image", "slide", "domain"]])


def test_samples_of_one_image_are_one_file(typed: Typed, tried: Path, tmp_path: Path) -> None:
    stored = pd.read_parquet(next(tried.glob("*-linear_probe-*")) / "predictions.parquet")
    of_one = stored[stored["slide"] == stored["slide"].iloc[0]]
    of_one[["sample_id"]].to_csv(tmp_path / "asked.csv", index=False)
    out = tmp_path / "new" / "x.geojson"
    said, _ = typed("predict", "linear_probe", *TISSUE, f"samples={tmp_path}/asked.csv", f"output={out}")
    assert said.endswith(f"\n{out}\n")
    assert [one.name for one in out.parent.iterdir()] == ["x.geojson"]
    features = json.loads(out.read_text())["features"]
    assert [feature["properties"]["sample_id"] for feature in features] == of_one["sample_id"].tolist()


def test_crops_lead_back_if_their_places_are_known(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name in ("Atypical/a.png", "Atypical/b.png", "Normal/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / name)
    crops = [f"data.source.root={tmp_path}", "data.margin_px=0", "trainer.threads=1", f"paths.cache={tmp_path}/cache"]
    unplaced = ["data=atnorm_br", "data.source.side=64", *crops]

    with pytest.raises(SystemExit):
        typed("predict", "linear_probe", *unplaced, f"output={tmp_path}/x.geojson")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "3 of 3 samples are crops of which no position in a slide is known, the first is Atypical/a.png" in said
    assert not (tmp_path / "cache" / "patches").exists()

    said, _ = typed("predict", "linear_probe", *unplaced, f"output={tmp_path}/x.csv")
    assert "of these crops no position in a slide is known: there image is the crop, and x and y say nothing" in said
    found = pd.read_csv(tmp_path / "x.csv")
    assert found["image"].tolist() == ["Atypical/a.png", "Atypical/b.png", "Normal/c.png"]
    assert found[["x", "y"]].to_numpy().tolist() == [[32, 32]] * 3

    rows = ["Atypical/a.png,1,S1,one,500.5,20", "Atypical/b.png,1,S2,one,30,40", "Normal/c.png,0,S1,one,50,60"]
    (tmp_path / "annotations.csv").write_text("\n".join(["patch,label,slide,tumor_domain,x,y", *rows]))
    placed = ["data=ami", "data.image_mpp=null", "data.mpp=null", *crops]
    said, _ = typed("predict", "linear_probe", *placed, "as_trained=false", f"output={tmp_path}/y.geojson")
    assert "x and y are positions in the slides that these crops were cut from" in said
    assert "of 3 samples no resolution is known" in said
    features = json.loads((tmp_path / "y-S1.geojson").read_text())["features"]
    assert [feature["geometry"]["coordinates"] for feature in features] == [[500.5, 20], [50, 60]]
    assert {feature["properties"]["mpp"] for feature in features} == {None}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("x.xlsx", "its ending says what to write, .parquet, .csv or .geojson (for QuPath), not '.xlsx'"),
        ("x", "or .geojson (for QuPath), and this name has none"),
        ("x.csv.gz", "not '.gz'"),
        ("folder.csv", "this is a folder. Give a file, for instance "),
        ("file/x.csv", "nothing can be written there"),
        ("file/deeper/x.geojson", "nothing can be written there"),
        ("z" * 300 + ".csv", "nothing can be written there"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_checkpoint_is_read(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str, reason: str
) -> None:
    damaged = altered(tried, tmp_path / "damaged")
    (damaged / "trained.safetensors").write_bytes(b"")
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    before = set(tmp_path.rglob("*"))
    said = refused(typed, capsys, damaged, f"output={tmp_path / output}")
    assert reason in said
    assert said.startswith("mitofm: ")
    assert said.count("\n") == 1
    assert set(tmp_path.rglob("*")) == before


def test_the_usual_folder_of_predictions_is_tried_too(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "predictions").touch()
    damaged = altered(tried, tmp_path / "damaged")
    (damaged / "trained.safetensors").write_bytes(b"")
    said = refused(typed, capsys, damaged, f"paths.runs={tmp_path}/runs")
    assert f"{tmp_path}/runs/predictions: nothing can be written there" in said
