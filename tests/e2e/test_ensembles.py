"""What a user types for an ensemble: it is a cell to all that reads cells, and one network elsewhere."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from safetensors.torch import load_file

import mitofm
from mitofm.inference import scorer

from ..conftest import TRIED

Typed = Callable[..., tuple[str, str]]
TISSUE = [one for one in TRIED if one.startswith(("data.", "trainer."))]


@pytest.fixture
def runs(tried: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs with the three cells of one split."""
    shutil.copytree(tried.parent, tmp_path / "runs")
    monkeypatch.setenv("MITOFM_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_an_ensemble_is_a_cell_to_all_that_reads_cells(runs: Path, typed: Typed, tmp_path: Path) -> None:
    said, _ = typed("ensemble", "-linear_probe-", "-lora-", "calibrate=false", "study=tried")
    assert "minus the mean of its members" in said
    (made,) = (runs / "cells").glob("*ensemble*")
    members = [pd.read_parquet(next((runs / "cells").glob(f"*random-{one}-*")) / "predictions.parquet")
               for one in ("linear_probe", "lora")]  # fmt: skip
    found = pd.read_parquet(made / "predictions.parquet")
    np.testing.assert_allclose(found["logit"], sum(one["logit"] for one in members) / 2)
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    typed("ensemble", "-lora-", "-linear_probe-", "calibrate=false", "study=tried")
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before
    assert "largest difference of logits:  0\n" in typed("verify", made.name)[0]
    assert "damaged" in typed("check", "study=tried")[0]
    (made / "metrics.json").write_text("{}")
    typed("retry", made.name)
    assert (made / "metrics.json").read_bytes() == before["metrics.json"]
    typed("report", "study=tried", "crops=false", f"out={tmp_path}/report")
    assert "ensemble of 2 linear_probe + lora" in (tmp_path / "report" / "report.html").read_text()
    typed("bundle", "tried", "anonymise=true", f"output={tmp_path}/tried.zip")


def test_an_ensemble_leaves_as_one_network(runs: Path, typed: Typed, tmp_path: Path) -> None:
    typed("ensemble", "-linear_probe-", "-lora-", "calibrate=false")
    said, _ = typed("export", "ensemble", f"output={tmp_path}/net")
    assert "nothing of the adaptation left beside it" in said
    facts = json.loads((tmp_path / "net" / "model.json").read_text())
    tensors = load_file(tmp_path / "net" / "model.safetensors")
    assert tensors["scale"].tolist() == [0.5, 0.5]
    assert "members.1.head.weight" in tensors
    assert len(facts["made_from"]["members"]) == 2
    assert facts["check"]["largest_difference"] < 1e-4


def test_heads_on_one_frozen_trunk_become_one(runs: Path, typed: Typed, tmp_path: Path) -> None:
    (cell,) = (runs / "cells").glob("*-linear_probe-*")
    typed(
        "train", *(one for one in TRIED if not one.startswith("adaptation")), "study=twins", "seed=42", "split_seed=42"
    )
    typed("ensemble", cell.name, "split_seed42", "calibrate=false")
    typed("export", "ensemble", f"output={tmp_path}/net")
    tensors = load_file(tmp_path / "net" / "model.safetensors")
    assert "head.weight" in tensors
    assert not any(name.startswith("members") for name in tensors)


def test_an_ensemble_scores_new_data_as_its_members_were_tested(
    runs: Path,
    home: Path,
    typed: Typed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed("ensemble", "-linear_probe-", "-lora-")
    (made,) = (runs / "cells").glob("*ensemble*")
    tested = pd.read_parquet(made / "predictions.parquet").set_index("sample_id")
    metrics = json.loads((made / "metrics.json").read_text())
    assert len({json.dumps(one) for one in metrics["chosen"]["members"].values()}) == 2  # lines of their own
    said, _ = typed("predict", made.name, "data=synthetic", *TISSUE, f"output={tmp_path}/scores.parquet")
    scored = pd.read_parquet(tmp_path / "scores.parquet").set_index("sample_id")
    np.testing.assert_allclose(scored.loc[tested.index, "logit"], tested["logit"], atol=1e-5)
    cut = metrics["threshold"]["logit"]
    assert (scored["predicted"] == (scored["logit"] >= cut)).all()
    assert f"{len(scored) - len(tested)} of these samples lie on slides that were trained or chosen on" in said
    prior = metrics["prior"]["logit"]
    np.testing.assert_allclose(scored["probability"], 1 / (1 + np.exp(-scored["logit"] - prior)))

    store = next((home / "cache" / "patches").glob("synthetic-64+0px-*"))
    rows = pd.Index(pd.read_parquet(store / "table.parquet")["sample_id"]).get_indexer(tested.index)
    patches = np.load(store / "patches.npy")[rows]
    found = mitofm.load(made).predict(patches)
    np.testing.assert_allclose(found["logit"], tested["logit"], atol=1e-5)

    tifffile.imwrite(tmp_path / "stack.tiff", patches, photometric="rgb")
    typed("classify", made.name, f"stack={tmp_path}/stack.tiff", f"output={tmp_path}/classes.json")
    confidences = [one["confidence"] for one in json.loads((tmp_path / "classes.json").read_text())]
    np.testing.assert_allclose(confidences, 1 / (1 + np.exp(cut - tested["logit"])), atol=1e-5)

    for cell in (runs / "cells").glob("*-lora-*"):
        shutil.rmtree(cell)
    monkeypatch.setattr(scorer, "build", lambda *_: pytest.fail("a backbone is built"))
    for command in (
        ["predict", "data=synthetic"],
        ["count", "evaluate=true"],
        ["classify", f"stack={tmp_path}/stack.tiff"],
        ["export"],
    ):
        with pytest.raises(SystemExit) as ended:
            typed(command[0], made.name, *command[1:])
        assert ended.value.code == 2
        assert "is made of cells that are not in" in capsys.readouterr().err


def test_members_fitted_to_the_same_features_share_a_pass(
    runs: Path, home: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = (runs / "cells").glob("*-linear_probe-*")
    typed("train", *(one for one in TRIED if not one.startswith(("adaptation", "backbone"))), "adaptation=knn",
          "backbone=toy_vit_p16", "study=twins", "seed=42")  # fmt: skip
    typed("ensemble", cell.name, "-knn-", "calibrate=false")
    (made,) = (runs / "cells").glob("*ensemble*")
    built: list[object] = []
    kept = scorer.build
    monkeypatch.setattr(scorer, "build", lambda *words: built.append(words) or kept(*words))
    store = next((home / "cache" / "patches").glob("synthetic-64+0px-*"))
    tested = pd.read_parquet(made / "predictions.parquet").set_index("sample_id")
    rows = pd.Index(pd.read_parquet(store / "table.parquet")["sample_id"]).get_indexer(tested.index)
    found = mitofm.load(made).predict(np.load(store / "patches.npy")[rows])
    np.testing.assert_allclose(found["logit"], tested["logit"], atol=1e-5)
    assert len(built) == 1


def test_an_ensemble_of_folds_has_seen_every_slide_and_is_not_evaluated_on_them(
    runs: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("train", "-m", *(one for one in TRIED if not one.startswith(("adaptation", "study"))), "adaptation=linear_probe",
          "study=folds", "split=kfold", "split.folds=2", "split.fold=0,1")  # fmt: skip
    typed("ensemble", "folds", "over=fold", "calibrate=false")
    said, _ = typed("predict", "pooled", "data=synthetic", *TISSUE)
    count = said.split(" samples, ")[0].rpartition("\n")[2]
    assert f"{count} of these samples lie on slides that were trained or chosen on" in said
    with pytest.raises(SystemExit):
        typed("count", "pooled", "evaluate=true")
    assert "of an ensemble of folds, its members" in capsys.readouterr().err
