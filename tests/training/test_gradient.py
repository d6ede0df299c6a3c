"""What the trainer may do without changing a result, what the fit group changes, and what is refused."""

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from mitofm.adaptation.gradient import Classifier
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import environment, memory
from mitofm.training.budget import Budget
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.settings import Settings

Small = Callable[..., Any]
PATCHES = torch.randint(0, 256, (7, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0.0, 1, 1, 0, 1, 0, 1])
SHORT = ["fit.min_steps=6", "fit.max_steps=6"]


def cell(composed: Any) -> Path:
    assert run(composed) is State.DONE
    config = resolve(composed)
    return Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name


def distance(first: Path, second: Path) -> float:
    """Between the trained weights of two cells."""
    one, other = (load_file(folder / "checkpoint" / "trained.safetensors") for folder in (first, second))
    return float(sum(((one[name].float() - other[name].float()) ** 2).sum() for name in one) ** 0.5)


def logits(folder: Path) -> np.ndarray:
    return pd.read_parquet(folder / "predictions.parquet")["logit"].to_numpy()


def module(
    resolved: Callable[..., dict[str, Any]], *overrides: str, checkpointing: bool = False, pieces: int = 1
) -> CellModule:
    config = resolved("backbone=toy_vit_p16", *overrides)
    backbone = build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), 0)
    if checkpointing:
        memory.checkpoint_blocks(backbone)
    adaptation = instantiate(config["adaptation"])
    return CellModule(adaptation.adapt(backbone, 0), adaptation, Budget(1, 1, 1), Loss(), 0, pieces)


def gradients(module: CellModule) -> dict[str, torch.Tensor]:
    module.adaptation.set_train_mode(module.classifier)
    torch.manual_seed(0)
    F.binary_cross_entropy_with_logits(module.compute_logits(PATCHES), LABELS).backward()
    return {name: one.grad.clone() for name, one in module.classifier.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("mode", ["lora", "dora", "prompt", "bitfit", "full"])
def test_gradient_checkpointing_changes_no_gradient_and_freezes_no_adapter(resolved: Any, mode: str) -> None:
    kept = gradients(module(resolved, f"adaptation={mode}"))
    computed_again = gradients(module(resolved, f"adaptation={mode}", checkpointing=True))
    assert kept.keys() == computed_again.keys()
    assert all(torch.equal(kept[name], computed_again[name]) for name in kept)
    trained = module(resolved, f"adaptation={mode}", checkpointing=True)
    optimiser = torch.optim.SGD(trained.adaptation.parameter_groups(trained.classifier), lr=0.1)
    before = {name: value.clone() for name, value in trained.adaptation.state(trained.classifier).items()}
    for _ in range(2):  # LoRA's B is zero: A moves from the second step on
        optimiser.zero_grad()
        gradients(trained)
        optimiser.step()
    after = trained.adaptation.state(trained.classifier)
    assert not [name for name in before if torch.equal(before[name], after[name])]


@pytest.mark.parametrize("pieces", [2, 3, 7])
def test_a_batch_in_pieces_has_the_gradient_of_the_batch(resolved: Any, pieces: int) -> None:
    whole = gradients(module(resolved, "adaptation=full"))
    parts = gradients(module(resolved, "adaptation=full", pieces=pieces))
    assert whole.keys() == parts.keys()
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-6)


class Gpu:
    """A classifier's memory: more patches than `holds` at once are too many."""

    def __init__(self, holds: int) -> None:
        self.holds = holds

    def fill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        forward = Classifier.forward

        def short(classifier: Classifier, patches: torch.Tensor) -> torch.Tensor:
            if len(patches) > self.holds and torch.is_grad_enabled():
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return forward(classifier, patches)

        monkeypatch.setattr(Classifier, "forward", short)


def test_logits_of_bf16_are_no_coarser_than_those_of_frozen_modes(resolved: Any) -> None:
    classifier = module(resolved, "adaptation=full").classifier
    patches = torch.randint(0, 256, (64, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = classifier(patches)
    assert found.dtype == torch.float32
    assert len(torch.unique(found)) == 64


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_clear_error(small: Small) -> None:
    with pytest.raises(MitofmError, match=r"trainer\.accelerator=cuda, but torch .* sees no GPU"):
        run(small("adaptation=linear_probe", "trainer.accelerator=cuda"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_of_a_cell_is_not_that_of_the_one_before(small: Small) -> None:
    before = environment.measure_peak_memory(torch.device("cpu"))
    np.ones(2**26)  # 512 MiB, for a moment
    folder = cell(small("adaptation=linear_probe"))
    assert json.loads((folder / "cost.json").read_text())["peak_memory_mb"] < before + 256


def test_short_memory_halves_the_batch_and_keeps_the_result(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = cell(small("adaptation=full", *SHORT, f"paths.runs={tmp_path}/whole"))
    Gpu(holds=5).fill(monkeypatch)
    with caplog.at_level(logging.WARNING):
        halved = cell(small("adaptation=full", *SHORT, f"paths.runs={tmp_path}/halved"))
    assert "4 pieces" in caplog.text
    assert halved.name == whole.name
    assert json.loads((halved / "cost.json").read_text())["pieces_per_batch"] == 4
    assert json.loads((whole / "cost.json").read_text())["pieces_per_batch"] == 1
    np.testing.assert_allclose(logits(halved), logits(whole), atol=1e-3)


def test_memory_that_holds_nothing_is_a_clear_error(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    Gpu(holds=0).fill(monkeypatch)
    with pytest.raises(
        MitofmError, match=r"out of GPU memory.*batch_size=16 in 16 pieces: take trainer.gradient_check"
    ):
        run(small("adaptation=full", *SHORT))


@pytest.mark.parametrize("setting", ["trainer.accumulate=2", "trainer.gradient_checkpointing=true"])
def test_batch_norms_in_training_refuse_what_would_change_them(small: Small, setting: str) -> None:
    cnn = ["backbone=resnet18", "backbone.weights=random", "backbone.img_size=32", *SHORT]
    with pytest.raises(MitofmError, match=rf"{setting} would change the batch norms of backbone 'resnet18'"):
        run(small(*cnn, "adaptation=full", setting))
    assert run(small(*cnn, "adaptation=bitfit", setting)) is State.DONE  # it leaves them alone


def test_a_backbone_without_checkpointing_is_refused() -> None:
    class Plain(torch.nn.Module):
        trunk = torch.nn.Linear(1, 1)
        spec = type("Spec", (), {"name": "mine", "architecture": "linear"})

    with pytest.raises(MitofmError, match=r"timm.s linear .backbone .mine.. has no such thing"):
        memory.checkpoint_blocks(Plain())  # type: ignore[arg-type]


def test_predictions_average_the_views_of_a_patch(small: Small) -> None:
    plain, averaged = (logits(cell(small("adaptation=full", *SHORT, f"fit.test_views={n}"))) for n in (1, 8))
    assert np.corrcoef(plain, averaged)[0, 1] > 0.5
    assert not np.allclose(plain, averaged, atol=1e-4)


@pytest.mark.parametrize("mode", ["linear_probe", "knn", "prototype", "mlp_probe", "attentive_probe"])
def test_frozen_modes_see_the_mean_of_the_views(small: Small, planted: Callable[[bool], list[str]], mode: str) -> None:
    few = ["adaptation.steps=20"] if mode in ("mlp_probe", "attentive_probe") else []
    seen = [*planted(False), f"adaptation={mode}", *few]
    plain, averaged = (logits(cell(small(*seen, f"adaptation.views={n}"))) for n in (1, 8))
    assert np.corrcoef(plain, averaged)[0, 1] > 0.3
    assert not np.allclose(plain, averaged, atol=1e-4)


def test_averaged_predictions_do_not_depend_on_how_a_patch_lies(resolved: Any) -> None:
    from mitofm.backbones.views import DihedralMean

    seen = DihedralMean(module(resolved, "adaptation=full").classifier).eval()
    turned = torch.rot90(PATCHES, 1, (1, 2)).flip(1)
    torch.testing.assert_close(seen(PATCHES), seen(turned), rtol=1e-4, atol=1e-5)
    assert seen(PATCHES).shape == (7,)


def test_a_probe_comes_first_and_its_head_is_where_fine_tuning_starts(small: Small) -> None:
    probe = cell(small("adaptation=linear_probe"))
    barely = ["adaptation.lr=1e-12", "adaptation.head_lr=1e-12", *SHORT]
    tuned = cell(small("adaptation=lp_ft", *barely))
    np.testing.assert_allclose(logits(tuned), logits(probe), atol=1e-3)
    chosen = [json.loads((folder / "metrics.json").read_text())["chosen"] for folder in (probe, tuned)]
    assert chosen[0]["c"] == chosen[1]["c"]
    random_head = cell(small("adaptation=full", *barely))
    assert abs(logits(random_head) - logits(probe)).max() > 0.1


def test_the_moving_average_is_what_is_kept(small: Small, tmp_path: Path) -> None:
    raw, averaged, start = (
        cell(small("adaptation=full", *more, *SHORT))
        for more in ([], ["adaptation.ema=0.999999999"], ["adaptation.lr=1e-12", "adaptation.head_lr=1e-12"])
    )
    # After 6 steps the average still leans towards the start: it lies between it and the weights themselves.
    assert distance(averaged, start) < distance(raw, start)
    assert distance(averaged, raw) < distance(raw, start)
    assert abs(logits(averaged) - logits(raw)).max() > 1e-3


def test_logits_that_are_not_finite_are_an_error(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Classifier.forward
    monkeypatch.setattr(
        Classifier,
        "forward",
        lambda self, x: forward(self, x) if torch.is_grad_enabled() else forward(self, x) * np.nan,
    )
    with pytest.raises(MitofmError, match="logits that are not finite"):
        run(small("adaptation=full", *SHORT))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fit.budget=steps", "say how many with fit.max_steps"),
        ("fit.max_steps=0", "at least 1, or null"),
        ("fit.sampler=classes", "Did you mean 'class'"),
        ("fit.label_smoothing=2", "from 0 to 1"),
        ("fit.mixup=-1", "from 0 to 10"),
        ("fit.test_views=4", "give 1 or 8"),
        ("~fit.cutmix", "fit.cutmix is missing"),
    ],
)
def test_bad_settings_are_refused(small: Small, override: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        run(small("adaptation=full", override))


def test_other_libraries_do_not_talk_into_a_sweeps_console(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    srun = tmp_path / "bin" / "srun"  # Lightning advises to use it wherever there is one
    srun.parent.mkdir()
    srun.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{srun.parent}:{os.environ['PATH']}")
    cell(small("adaptation=full", "fit.min_steps=1", "fit.max_steps=1"))
    assert not [str(warning.message) for warning in recwarn if "srun" in str(warning.message)]
    assert not logging.getLogger("timm.models._builder").isEnabledFor(logging.INFO)
