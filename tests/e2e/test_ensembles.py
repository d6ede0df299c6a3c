"""What a user types for an ensemble: it is a cell to all that reads cells, and one network elsewhere."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from ..conftest import TRIED

Typed = Callable[..., tuple[str, str]]


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
