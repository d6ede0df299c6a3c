"""Scores of trained cells: those of the test where the cells are those of the test, and none where anything differs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from mitofm import fingerprints

TISSUE = ["data=synthetic", "data.source.domains=[canine lymphoma,human melanoma]", "data.source.slides_per_domain=6",
          "data.source.cells_per_slide=12", "trainer.threads=1", "trainer.accelerator=cpu"]  # fmt: skip
Typed = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("mode", ["linear_probe", "lora", "prompt"])
def test_its_own_test_samples_get_their_own_logits(typed: Typed, tried: Path, tmp_path: Path, mode: str) -> None:
    folder = next(tried.glob(f"*-{mode}-*"))
    stored, out = folder / "predictions.parquet", tmp_path / "scores.parquet"
    said, _ = typed("predict", mode, *TISSUE, f"samples={stored}", f"output={out}")
    tested, found = pd.read_parquet(stored), pd.read_parquet(out)
    columns = ["sample_id", "slide", "domain", "label", "logit"]
    pd.testing.assert_frame_equal(found[columns], tested[columns], check_exact=True)
    threshold = json.loads((folder / "metrics.json").read_text())["threshold"]
    assert threshold["rule"] == "validation"
    assert found["probability"].tolist() == expit(tested["logit"]).tolist()
    assert found["predicted"].tolist() == (found["probability"] >= threshold["value"]).astype(int).tolist()
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
    assert list(found) == ["sample_id", "slide", "domain", "logit", "probability", "predicted"]
    assert len(found) == 3
    assert found["logit"].nunique() == 3
    with pytest.raises(SystemExit):
        typed(
            "train", *own, "data.image_mpp=0.25", "data.crop_px=64", f"paths.runs={tmp_path}/runs", "trainer.threads=1"
        )
    assert "the samples of data set 'own_csv' have no label" in capsys.readouterr().err


def test_cells_it_was_trained_on_are_counted(typed: Typed, tried: Path, tmp_path: Path) -> None:
    split = pd.read_parquet(next(tried.glob("*-linear_probe-*")) / "split.parquet")
    said, _ = typed("predict", "linear_probe", *TISSUE, f"output={tmp_path}/x.parquet")
    assert f"{split['part'].isin(['train', 'validation']).sum()} of these cells were trained or chosen on" in said


def altered(tried: Path, to: Path, mode: str = "lora") -> Path:
    return Path(shutil.copytree(next(tried.glob(f"*-{mode}-*")) / "checkpoint", to))


def retensored(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Other tensors, with a description that says they are right."""
    save_file(tensors, folder / "trained.safetensors")
    edited(folder, tensors_sha256=fingerprints.of_file(folder / "trained.safetensors"))


def edited(folder: Path, **facts: object) -> None:
    path = folder / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def refused(typed: Typed, capsys: pytest.CaptureFixture[str], folder: Path | str, *more: str) -> str:
    with pytest.raises(SystemExit) as ended:
        typed("predict", folder, *TISSUE, *more)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


def test_what_does_not_fit_is_refused_and_named(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = lambda folder: refused(typed, capsys, folder)  # noqa: E731

    folder = altered(tried, tmp_path / "missing")
    tensors = load_file(folder / "trained.safetensors")
    retensored(folder, {name: array for name, array in tensors.items() if name != "head.bias"})
    assert "head.bias" in said(folder)

    folder = altered(tried, tmp_path / "more")
    retensored(folder, tensors | {"trunk.norm.weight": np.ones(3, np.float32)})
    assert "trunk.norm.weight" in said(folder)

    folder = altered(tried, tmp_path / "shape")
    retensored(folder, tensors | {"head.weight": np.ones((1, 3), np.float32)})
    assert "head.weight" in said(folder)

    folder = altered(tried, tmp_path / "width", "linear_probe")
    retensored(folder, {"weight": np.ones(3), "bias": np.ones(1)})
    assert "width 3" in said(folder)

    folder = altered(tried, tmp_path / "byte")
    with (folder / "trained.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert "is not the file that checkpoint.json describes" in said(folder)

    folder = altered(tried, tmp_path / "seed")
    edited(folder, seed=7)  # random weights of another seed are another backbone
    assert "trained on another backbone than the 'toy_vit_p16' here: fingerprint" in said(folder)

    folder = altered(tried, tmp_path / "target")
    edited(folder, adaptation={"_target_": "mitofm.data.card.Card"})
    assert "Card" in said(folder)

    assert "no cell 'nowhere'" in said("nowhere")
    listed = tmp_path / "others.csv"
    listed.write_text("sample_id\nnot-there\n")
    assert "'not-there'" in refused(typed, capsys, "lora", f"samples={listed}")
