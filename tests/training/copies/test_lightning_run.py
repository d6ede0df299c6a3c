"""Lightning's own loggers, with the real libraries where they are installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from mitofm.ground.errors import MitofmError
from mitofm.training.copies.lightning_run import LightningRun, import_mlflow, open_mlflow, open_tensorboard

LABELS = {"backbone": "nano", "weights": "random", "adaptation": "lora", "n_train": 30, "n_validation": 10}
METRICS = {"sets": {"domain:canine lymphoma": {"auroc": 0.8}, "all": {"auroc": None}}, "threshold": {"value": 0.4}}
COST = {"seconds": 2.5}


def finish(run: LightningRun) -> None:
    for step in (1, 2):
        run.log({"train/loss": 1 / step}, step)
    run.finish(METRICS, COST, pd.DataFrame())
    run.close(failed=False)


def test_tensorboard_gets_curves_and_last_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra 'tensorboard' is not installed")
    finish(LightningRun(open_tensorboard("a study", "cell", tmp_path), LABELS, {"seed": 0}))
    (events,) = (tmp_path / "tensorboard" / "a_study" / "cell").glob("events.out.tfevents.*")
    held = events.read_bytes()
    for name in (b"train/loss", b"domain_canine_lymphoma/auroc", b"cost/seconds", b"cost/labels"):
        assert name in held
    assert b"nano-random/lora" in b"".join(file.read_bytes() for file in events.parent.iterdir())


def test_mlflow_gets_them_and_a_cell_that_goes_on_continues_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        finish(LightningRun(open_mlflow("project", "0" * 64, "cell", "study", tmp_path), LABELS, {"seed": 0}))
    client = mlflow.MlflowClient(f"file:{tmp_path / 'mlflow'}")
    experiment = client.get_experiment_by_name("project")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["domain_canine_lymphoma/auroc"] == 0.8
    assert (run.data.metrics["cost/labels"], run.data.params["compared"]) == (40, "nano-random/lora")


def test_what_is_not_installed_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("tensorboardX")

    monkeypatch.setattr("pytorch_lightning.loggers.TensorBoardLogger", absent)
    with pytest.raises(MitofmError, match=r"pip install 'mitofm\[tensorboard\]'"):
        open_tensorboard("study", "cell", tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MitofmError, match=r"pip install 'mitofm\[mlflow\]'"):
        import_mlflow()
