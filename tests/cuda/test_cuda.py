"""What only a GPU can show: `make test-cuda`. Elsewhere the suite covers the same code on the CPU, and these are skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mitofm.backbones import embeddings
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose
from mitofm.data.patches import PatchStore
from mitofm.evaluation.metrics import auroc
from mitofm.ground.errors import MitofmError
from mitofm.pretraining.run import pretrain
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import plain, resolve
from mitofm.training import callbacks
from mitofm.training.settings import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")

DEVICE = "cuda"
ON_IT = ("trainer.accelerator=cuda", "fit.min_steps=40", "fit.max_steps=40", "augment=paper")
Small = Callable[..., Any]


@pytest.fixture(autouse=True)
def whole_gpu() -> Iterator[None]:
    """All of the GPU's memory for each test, and batches as large as at first."""
    before = dict(embeddings._BATCH)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
    embeddings._BATCH.update(before)


def cell(composed: Any) -> Path:
    assert run(composed) is State.DONE
    config = resolve(composed)
    return Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "predictions.parquet")


def backbone(name: str, img_size: int) -> Backbone:
    typed = [f"backbone={name}", "backbone.weights=random", f"backbone.img_size={img_size}"]
    spec = BackboneSpec.from_config(plain(compose("train", typed))["backbone"])
    return build(spec, Weights(None, "random"), seed=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PatchStore:
    folder, n = tmp_path_factory.mktemp("store"), 600
    np.save(folder / "patches.npy", np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), dtype=np.uint8))
    patches = np.load(folder / "patches.npy", mmap_mode="r")
    return PatchStore(folder, "0" * 64, pd.DataFrame({"label": np.zeros(n, int)}), np.asarray(patches), 64, 0)


def embedded(store: PatchStore, one: Backbone) -> np.ndarray:
    rows = np.arange(len(store.table))
    found = list(embeddings.embed(store, rows, one, torch.device(DEVICE), torch.float32))
    assert np.array_equal(np.concatenate([batch for batch, _ in found]), rows)
    return np.concatenate([features for _, features in found])


@pytest.mark.parametrize("size", [48, 96, 224])
def test_images_are_those_of_the_cpu_to_a_grey_level_or_two(store: PatchStore, size: int) -> None:
    patches, one = torch.from_numpy(store.read(np.arange(64))), backbone("resnet18", size)
    expected = one.transform(patches)
    found = one.to(DEVICE).transform(patches.to(DEVICE)).cpu()
    apart = (found - expected).abs() * one.std.cpu()
    assert apart.max() < 2.001
    assert (apart > 0.5).float().mean() < 0.05


@pytest.mark.parametrize("name", ["deit_tiny", "resnet18"])
@pytest.mark.parametrize(("precision", "apart"), [(torch.float32, 1e-4), (torch.bfloat16, 3e-2)])
def test_embeddings_are_those_of_the_cpu(store: PatchStore, name: str, precision: torch.dtype, apart: float) -> None:
    one = backbone(name, 96).eval()
    images = one.transform(torch.from_numpy(store.read(np.arange(64))))
    with torch.inference_mode():
        expected = one.embed(images)
        with torch.autocast(DEVICE, precision, enabled=precision != torch.float32):
            found = one.to(DEVICE).embed(images.to(DEVICE)).float().cpu()
    assert torch.linalg.norm(found - expected) / torch.linalg.norm(expected) < apart


def test_a_gpu_too_small_for_a_batch_takes_smaller_ones(store: PatchStore) -> None:
    expected = embedded(store, backbone("deit_tiny", 224))
    assert embeddings._BATCH[DEVICE] == 1024
    torch.cuda.empty_cache()
    short = 1.5 * 2**30 / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(short)
    found = embedded(store, backbone("deit_tiny", 224))
    assert embeddings._BATCH[DEVICE] < 1024
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("mode", ["linear_probe", "attentive_probe", "lora", "full"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_cell_comes_out_as_on_the_cpu(small: Small, tmp_path: Path, mode: str, precision: str) -> None:
    asked = [*ON_IT, f"adaptation={mode}", "backbone=nano"]
    cpu = cell(small(*asked, "trainer.accelerator=cpu", f"paths.runs={tmp_path}/cpu", f"paths.cache={tmp_path}/cpu"))
    gpu = cell(small(*asked, f"fit.precision={precision}", f"paths.cache={tmp_path}/gpu"))
    one, other = predictions(cpu), predictions(gpu)
    assert one["sample_id"].equals(other["sample_id"])
    assert np.isfinite(other["logit"]).all()
    values = [auroc(table["label"].to_numpy(), table["logit"].to_numpy()) for table in (one, other)]
    assert abs(values[0] - values[1]) < (0.02 if precision == "fp32" else 0.06)
    assert json.loads((gpu / "environment.json").read_text())["device"] == torch.cuda.get_device_name()
    assert 0 < json.loads((gpu / "cost.json").read_text())["peak_memory_mb"] < 4096


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_resumed_cell_ends_as_an_uninterrupted_one(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    asked = [*ON_IT, f"adaptation={mode}", "backbone=nano", "trainer.checkpoint_seconds=0"]
    whole = cell(small(*asked, f"paths.runs={tmp_path}/whole"))
    save = callbacks.SaveToResume._save

    def killed(self: callbacks.SaveToResume, trainer: Any) -> None:
        save(self, trainer)
        if trainer.global_step == 17:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.SaveToResume, "_save", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(small(*asked, f"paths.runs={tmp_path}/parts"))
    parts = cell(small(*asked, f"paths.runs={tmp_path}/parts"))
    np.testing.assert_allclose(predictions(parts)["logit"], predictions(whole)["logit"], rtol=1e-3, atol=1e-3)


def test_a_training_step_too_large_for_the_gpu_is_taken_in_pieces(small: Small, tmp_path: Path) -> None:
    asked = [*ON_IT, "adaptation=full", "backbone=vit_tiny", "backbone.weights=random", "backbone.img_size=224"]
    asked += ["fit.batch_size=64", "fit.min_steps=4", "fit.max_steps=4", "augment=none"]
    whole = cell(small(*asked, f"paths.runs={tmp_path}/whole"))
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0 * 2**30 / torch.cuda.get_device_properties(0).total_memory)
    halved = cell(small(*asked, f"paths.runs={tmp_path}/halved"))
    assert json.loads((whole / "cost.json").read_text())["pieces_per_batch"] == 1
    assert json.loads((halved / "cost.json").read_text())["pieces_per_batch"] > 1
    np.testing.assert_allclose(predictions(halved)["logit"], predictions(whole)["logit"], rtol=1e-2, atol=1e-2)


def test_more_gpus_than_there_are_is_a_clear_error(small: Small) -> None:
    more = torch.cuda.device_count() + 1
    with pytest.raises(MitofmError, match=rf"trainer\.devices={more}, but this process sees"):
        run(small(*ON_IT, "adaptation=full", "trainer=ddp", f"trainer.devices={more}"))


def test_a_finished_cell_is_verified_and_predicts_what_it_predicted(
    small: Small, shared: Path, tmp_path: Path, typed: Callable[..., tuple[str, str]]
) -> None:
    folder = cell(small(*ON_IT, "adaptation=lora", "backbone=nano"))
    paths = [f"paths.data={shared}/data", f"paths.cache={shared}/cache"]
    said, _ = typed("verify", folder, *paths, "tolerance=0.001")
    assert "largest difference of logits" in said


def test_processes_of_a_sweep_share_the_gpu(quick: list[str], tmp_path: Path) -> None:
    typed = ["train", "-m", *(one for one in quick if one != "trainer.accelerator=cpu"), *ON_IT, "backbone=nano",
             "adaptation=linear_probe,lora,full", "hydra/launcher=local", "study=parallel"]  # fmt: skip
    paths = [f"paths.{name}={tmp_path}/{name}" for name in ("data", "cache", "runs")]
    command = [sys.executable, "-c", "from mitofm.cli import main; main()", *typed, *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = sorted((tmp_path / "runs" / "cells").iterdir())
    assert len([one for one in cells if (one / "DONE").is_file()]) == 3
    devices = {json.loads((one / "environment.json").read_text())["device"] for one in cells}
    assert devices == {torch.cuda.get_device_name()}


def test_pretraining_on_it_ends_in_weights(shared: Path, tmp_path: Path) -> None:
    asked = ["crops=640", "batch_size=32", "tissue.slides_per_domain=1", "tissue.cells_per_slide=4"]
    asked += ["progress=false", f"accelerator={DEVICE}", f"paths.cache={shared}/cache", f"paths.runs={tmp_path}/runs"]
    file = pretrain(plain(compose("pretrain", asked)))
    assert all(torch.isfinite(value.float()).all() for value in load_file(file).values())
    assert torch.cuda.get_device_name() in (file.parent / "README.md").read_text()
