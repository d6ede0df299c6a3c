"""A cell with confounders: resumed as any other, its record says what it was, and its test cells are the honest ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.training import callbacks

Small = Callable[..., Any]
ALL = [
    "split=kfold",
    "protocol/confounders=[test_sets_per_mode,last_checkpoint,equal_steps,any_positive,background]",
    "protocol.confounders.background.distance_px=16",
    "fit.max_steps=5",
]


def fitted(runs: Path) -> Path:
    (done,) = runs.glob("cells/*/DONE")
    return done.parent


def test_a_confounded_cell_resumes_to_the_same_result(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*ALL, "adaptation=lora", "trainer.checkpoint_seconds=0", "fraction=0.2"]
    assert run(small(*settings, f"paths.runs={tmp_path}/whole")) is State.DONE
    save = callbacks.SaveToResume._save

    def killed(self: callbacks.SaveToResume, trainer: Any) -> None:
        save(self, trainer)
        if trainer.global_step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.SaveToResume, "_save", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(small(*settings, f"paths.runs={tmp_path}/parts"))
    monkeypatch.setattr(callbacks.SaveToResume, "_save", save)
    assert run(small(*settings, f"paths.runs={tmp_path}/parts")) is State.DONE
    whole, parts = fitted(tmp_path / "whole"), fitted(tmp_path / "parts")
    for name in ("predictions.parquet", "metrics.json", "split.parquet"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    labels = json.loads((whole / "cell.json").read_text())["labels"]
    assert labels["leaks"] is False
    assert (labels["split"], labels["fit"], labels["protocol"]) == (
        "per_mode", "equal_steps", "any_positive + background + last_checkpoint",
    )  # fmt: skip
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["chosen"]["checkpoint"] == {"rule": "last", "step": 5}
    assert metrics["threshold"]["rule"] == "fixed"


def test_background_is_learned_from_and_no_test_cell_changes(small: Small, tmp_path: Path) -> None:
    base = ["split=in_domain", "fraction=0.05", "adaptation=linear_probe", "protocol.validation_samples=1000"]
    background = ["protocol/confounders=background", "protocol.confounders.background.distance_px=16"]
    for name, more in (("honest", []), ("background", background)):
        assert run(small(*base, *more, f"paths.runs={tmp_path}/{name}")) is State.DONE
    splits, predictions, labels = (
        {name: read(fitted(tmp_path / name)) for name in ("honest", "background")}
        for read in (
            lambda folder: pd.read_parquet(folder / "split.parquet"),
            lambda folder: pd.read_parquet(folder / "predictions.parquet"),
            lambda folder: json.loads((folder / "cell.json").read_text())["labels"],
        )
    )
    added = splits["background"].iloc[len(splits["honest"]) :]
    assert (added["part"] == "train").any()
    assert set(added["label"]) == {0}
    keys = ["sample_id", "label", "evaluation_set"]
    pd.testing.assert_frame_equal(predictions["background"][keys], predictions["honest"][keys])
    assert (predictions["background"]["logit"] != predictions["honest"]["logit"]).any()
    assert labels["background"]["n_train"] == labels["honest"]["n_train"]  # background costs no label
