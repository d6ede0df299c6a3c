"""One cell through the code that users take: same samples, same bits after an interruption, signal found, noise not."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from mitofm.commands.composing.compose import compose
from mitofm.evaluation.metrics import auroc
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import read
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import callbacks, gradient
from mitofm.training.budget import Budget, make_budget
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.settings import Fit, Settings

MODES = ("linear_probe", "lora", "full", "scratch")
Small = Callable[..., Any]


def cell(composed: Any) -> Path:
    """Run the cell; its folder."""
    assert run(composed) is State.DONE
    config = resolve(composed)
    return Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name


def test_same_seed_same_test_samples_whatever_the_model(small: Small) -> None:
    tested = []
    for overrides in (
        ["adaptation=linear_probe"],
        ["adaptation=lora"],
        ["adaptation=full", "backbone=toy_vit_p16", "fraction=0.5"],
    ):
        predictions = pd.read_parquet(cell(small(*overrides)) / "predictions.parquet")
        tested.append(predictions[["sample_id", "slide", "domain", "label", "evaluation_set"]])
    assert tested[0].equals(tested[1])
    assert tested[0].equals(tested[2])


@pytest.mark.parametrize("mode", ["linear_probe", "lora"])
def test_seeds_of_split_and_of_training_can_be_varied_apart(small: Small, mode: str) -> None:
    ways = {
        "both": ["seed=3"],
        "said": ["seed=9", "split_seed=3", "training_seed=3"],
        "trained anew": ["seed=3", "training_seed=4"],
        "drawn anew": ["seed=3", "split_seed=4"],
    }
    folders = {way: cell(small(f"adaptation={mode}", *seeds)) for way, seeds in ways.items()}
    assert len(set(folders.values())) == 4
    tested = {way: pd.read_parquet(folder / "predictions.parquet") for way, folder in folders.items()}
    split = {way: pd.read_parquet(folder / "split.parquet") for way, folder in folders.items()}
    assert tested["said"].equals(tested["both"])
    assert split["trained anew"].equals(split["both"])
    # The backbone of the small data set has random weights: they are part of training, so frozen modes differ, too.
    assert not tested["trained anew"]["logit"].equals(tested["both"]["logit"])
    assert not split["drawn anew"].equals(split["both"])
    labels = {way: json.loads((folder / "cell.json").read_text())["labels"] for way, folder in folders.items()}
    assert [labels["trained anew"].get(key) for key in ("seed", "split_seed", "training_seed")] == [3, None, 4]
    assert not {"split_seed", "training_seed"} & labels["both"].keys()


EVERYTHING = """full adaptation.ema=0.9 adaptation.drop_path=0.3 adaptation.layer_decay=0.7 fit.sampler=class_and_domain
    fit.mixup=0.4 fit.cutmix=1.0 fit.domain_weight=balanced fit.focal_gamma=2 fit.label_smoothing=0.1"""


@pytest.mark.parametrize("mode", ["lora", "full", EVERYTHING, "prompt trainer.accumulate=3", "lp_ft"])
@pytest.mark.parametrize("decides", [True, False])
def test_a_resumed_cell_equals_an_uninterrupted_one(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, decides: bool
) -> None:
    overrides = [
        *f"adaptation={mode}".split(),
        "backbone=toy_vit_p16",
        "backbone.img_size=32",
        "augment=paper",
        "fit.min_steps=24",
        "fit.max_steps=24",
        "fit.checks=4",
        f"protocol.validation_samples={20 if decides else 10_000}",
        "protocol.validation_samples_per_class=5",
    ]
    whole = cell(small(*overrides, f"paths.runs={tmp_path}/whole"))  # which saves nothing to resume from

    overrides.append("trainer.checkpoint_seconds=0")
    save = callbacks.SaveToResume._save
    for stop in (1, 6, 7, 13):  # mid-pass, at a check, just after one

        def killed(self: callbacks.SaveToResume, trainer: Any, stop: int = stop) -> None:
            save(self, trainer)
            if trainer.global_step == stop:
                raise KeyboardInterrupt

        monkeypatch.setattr(callbacks.SaveToResume, "_save", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(small(*overrides, f"paths.runs={tmp_path}/parts"))
    monkeypatch.setattr(callbacks.SaveToResume, "_save", save)
    parts = cell(small(*overrides, f"paths.runs={tmp_path}/parts"))

    for name in ("predictions.parquet", "metrics.json", "split.parquet", "checkpoint/checkpoint.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in (parts / "checkpoint").iterdir()} == {"trained.safetensors", "checkpoint.json"}
    chosen = json.loads((whole / "metrics.json").read_text())["chosen"]
    assert chosen["checkpoint"]["rule"] == ("validation" if decides else "last")


@pytest.mark.parametrize("mode", MODES)
def test_a_planted_signal_is_learned(small: Small, planted: Callable[[bool], list[str]], mode: str) -> None:
    folder = cell(small(*planted(False), f"adaptation={mode}", "fit.min_steps=120", "augment=none"))
    assert json.loads((folder / "metrics.json").read_text())["sets"]["all"]["auroc"] > 0.95


@pytest.mark.parametrize("mode", MODES)
def test_shuffled_labels_teach_nothing(small: Small, planted: Callable[[bool], list[str]], mode: str) -> None:
    folder = cell(small(*planted(True), f"adaptation={mode}", "fit.min_steps=30", "augment=none"))
    predictions = pd.read_parquet(folder / "predictions.parquet")
    value = auroc(predictions["label"].to_numpy(), predictions["logit"].to_numpy())
    assert value == pytest.approx(0.5, abs=0.1)  # 288 test samples: one standard error is 0.034


def test_the_best_check_is_kept_not_the_last(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.tensor([0, 0, 1, 1, 1])
    checks = iter(38 + torch.tensor([[2, 1, 3, 0, 4], [0, 2, 1, 4, 3], [1, 2, 0, 3, 4]]))  # sigmoids of all are 1

    def given(self: CellModule, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            self.validation_auroc.update(next(checks), labels)

    monkeypatch.setattr(CellModule, "validation_step", given)
    settings = ["fit.min_steps=40", "fit.max_steps=40", "fit.checks=4", "backbone=toy_vit_p16"]
    settings += ["protocol.validation_samples=20", "protocol.validation_samples_per_class=5"]
    folder = cell(small("adaptation=full", *settings))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["chosen"]["checkpoint"] == {
        "rule": "validation",
        "step": 24,
        "auroc": pytest.approx(5 / 6, abs=1e-12),
    }
    assert metrics["threshold"]["rule"] == "validation"


def test_a_cell_that_stopped_early_and_was_killed_in_testing_ends_as_if_it_had_not(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {12: 0.6, 24: 0.9, 36: 0.8, 48: 0.95}  # by step: with a patience of 1 the last is never reached
    monkeypatch.setattr(
        CellModule, "on_validation_epoch_end", lambda self: self.log("validation/auroc", scores[self.global_step])
    )
    settings = ["adaptation=full", "fit.min_steps=48", "fit.max_steps=48", "fit.checks=4", "fit.patience=1"]
    settings += ["backbone=toy_vit_p16", "protocol.validation_samples=20"]
    whole = cell(small(*settings, f"paths.runs={tmp_path}/whole"))  # which saves nothing to resume from
    settings.append("trainer.checkpoint_seconds=0")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gradient, "predict", killed)
        with pytest.raises(KeyboardInterrupt):
            run(small(*settings, f"paths.runs={tmp_path}/parts"))
    parts = cell(small(*settings, f"paths.runs={tmp_path}/parts"))
    for name in ("predictions.parquet", "metrics.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in (parts / "checkpoint").iterdir()} == {"trained.safetensors", "checkpoint.json"}


def test_the_auroc_of_a_check_does_not_depend_on_its_batches(resolved: Callable[..., dict[str, Any]]) -> None:
    class Given(torch.nn.Module):
        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            return patches

    adaptation = instantiate(resolved("adaptation=full")["adaptation"])
    module = CellModule(Given(), adaptation, Budget(1, 1, 1), Loss(), 0)  # type: ignore[arg-type]
    logits = torch.tensor([0.2, 0.4, 0.3, -0.1, 0.05, 30.0, 20.0])  # the first batch looks like probabilities
    labels = torch.tensor([1.0, 1, 1, 0, 0, 1, 0])
    for part in (slice(0, 3), slice(3, None)):
        module.validation_step((logits[part], labels[part]), 0)
    assert module.validation_auroc.compute().item() == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)


def test_every_step_trains_in_the_mode_of_its_adaptation_also_after_a_check(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, seen = CellModule.training_step, []

    def watched(self: CellModule, *batch: Any) -> Any:
        trunk = self.classifier.backbone.trunk
        dropout = [module.training for name, module in trunk.named_modules() if "lora_dropout.default" in name]
        seen.append((trunk.training, trunk.blocks[0].norm1.training, {*dropout}))
        return step(self, *batch)

    monkeypatch.setattr(CellModule, "training_step", watched)
    settings = ["fit.min_steps=40", "fit.max_steps=40", "fit.checks=4", "backbone=toy_vit_p16"]
    settings += ["protocol.validation_samples=20", "protocol.validation_samples_per_class=5"]
    cell(small("adaptation=lora", *settings))
    assert len(seen) == 40
    assert all(modes == (False, False, {True}) for modes in seen)


def test_a_diverging_loss_is_an_error_not_a_number(small: Small) -> None:
    with pytest.raises(MitofmError, match=r"the loss is nan at step \d+ of 'full': lower adaptation.lr"):
        run(
            small(
                "adaptation=full",
                "adaptation.lr=1e30",
                "adaptation.head_lr=1e30",
                "fit.min_steps=10",
                "fit.gradient_clip=null",
            )
        )


def test_the_budget_counts_passes_within_its_bounds() -> None:
    typed = ["fit.max_epochs=10", "fit.min_steps=50"]
    fit = read(Fit, resolve(compose("train", typed))["fit"], "fit")
    assert (make_budget(1000, fit).steps, make_budget(1000, fit).check_every) == (630, 63)
    assert (make_budget(10, fit).steps, make_budget(10, fit).check_every) == (50, 3)
    assert make_budget(1000, replace(fit, max_steps=70)).steps == 70
    # A run of less than a pass is checked in the end.
    assert make_budget(1000, replace(fit, max_steps=20)).check_every == 20
    assert {make_budget(n, replace(fit, max_steps=900, budget="steps")).steps for n in (10, 1000, 100_000)} == {900}


def test_wandb_offline_holds_the_cell_and_cannot_fail_it(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = cell(small("logger=default", "adaptation=full", "fit.min_steps=12"))
    runs = list((tmp_path / "runs" / "wandb").glob("offline-run-*/*.wandb"))
    identity = json.loads((folder / "cell.json").read_text())["id"]
    assert [run.stem for run in runs] == [f"run-{identity}"]
    words = (
        b"train/loss",
        b"all/auroc",
        b"domain_canine_lymphoma/auroc",
        b"cost/labels",
        b"compared",
        b"roc",
        b"confusion",
    )
    until = time.monotonic() + 30  # W&B's own process writes the file, and on a busy machine it takes its time
    while not all(word in runs[0].read_bytes() for word in words) and time.monotonic() < until:
        time.sleep(0.1)
    held = runs[0].read_bytes()
    for word in words:
        assert word in held

    monkeypatch.setattr("mitofm.training.copies.wandb_run.WandbRun.log", lambda *_: 1 / 0)
    cell(small("logger=default", "adaptation=full", "fit.min_steps=12", "seed=7"))
