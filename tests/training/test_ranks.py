"""One cell on two devices gives what one device gives; what goes wrong in a rank ends the cell."""

import json
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mitofm.commands import train
from mitofm.data.batches import TrainingPatches
from mitofm.data.mixing import Mix
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.training import callbacks, memory, ranks
from mitofm.training.copies.metric_copies import Copies

Small = Callable[..., Any]


LORA = ["adaptation=lora", "adaptation.dropout=0", "backbone=toy_vit_p16", "augment=paper", "fit.mixup=0.4"]
LORA += ["fit.min_steps=12", "fit.max_steps=12", "fit.checks=2", "fit.batch_size=10", "logger.csv=true"]
LORA += ["protocol.validation_samples=20", "protocol.validation_samples_per_class=5"]


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks start faster, and find what a test has patched."""
    monkeypatch.setattr(ranks, "get_context", lambda _: get_context("fork"))


def folder(runs: Path) -> Path:
    (marker,) = runs.glob("cells/*/DONE")
    return marker.parent


def test_two_processes_of_a_sweep_give_the_logits_of_one(
    quick: list[str], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*quick, *LORA, "trainer.checkpoint_seconds=0"]
    for name, place in {"DATA": shared / "data", "CACHE": shared / "cache"}.items():
        monkeypatch.setenv(f"MITOFM_{name}", str(place))
    for trainer in ("default", "ddp"):
        train.main(["-m", *overrides, f"trainer={trainer}", f"paths.runs={tmp_path}/{trainer}"])
    one, two = folder(tmp_path / "default"), folder(tmp_path / "ddp")
    assert one.name == two.name
    logits = [pd.read_parquet(cell / "predictions.parquet")["logit"].to_numpy() for cell in (one, two)]
    assert np.ptp(logits[0]) > 0.1
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-5)
    found = [json.loads((cell / "metrics.json").read_text())["chosen"] for cell in (one, two)]
    assert found[1]["checkpoint"]["step"] == found[0]["checkpoint"]["step"]
    assert found[1]["checkpoint"]["auroc"] == pytest.approx(found[0]["checkpoint"]["auroc"], abs=1e-6)
    curves = [pd.read_csv(cell / "curves.csv") for cell in (one, two)]
    np.testing.assert_allclose(curves[1]["value"], curves[0]["value"], atol=1e-4)


def fails_in_rank_1(rank: int, logger: Any) -> str:
    if rank == 1:
        raise MitofmError("rank 1 has had enough")
    time.sleep(600)
    return "done"


@pytest.mark.usefixtures("forked")
def test_a_rank_that_fails_ends_the_others() -> None:
    started = time.monotonic()
    with pytest.raises(MitofmError, match="rank 1 has had enough"):
        ranks.run_ranks(2, fails_in_rank_1, Copies([]))
    assert time.monotonic() - started < 60


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_processes_asked_to_stop_save_and_go_on_to_the_same_bits(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    save = callbacks.SaveToResume._save

    def stop_now(self: callbacks.SaveToResume, trainer: Any) -> None:
        if trainer.global_step == 5 and trainer.global_rank == 1:
            os.kill(os.getpid(), signal.SIGINT)  # as all processes of a terminal get it: a rank ignores it
            os.kill(os.getppid(), number)
            while not self._signal:
                time.sleep(0.01)
        save(self, trainer)

    settings = [*LORA, "trainer=ddp", "trainer.checkpoint_seconds=1000"]
    monkeypatch.setattr(callbacks.SaveToResume, "_save", stop_now)
    with pytest.raises(SystemExit) as stopped:
        run(small(*settings, f"paths.runs={tmp_path}/parts"))
    monkeypatch.setattr(callbacks.SaveToResume, "_save", save)
    assert stopped.value.code == 128 + number
    for runs in ("parts", "whole"):
        assert run(small(*settings, f"paths.runs={tmp_path}/{runs}")) is State.DONE
    parts, whole = folder(tmp_path / "parts"), folder(tmp_path / "whole")
    assert "saved at step 5" in (parts / "log.txt").read_text()
    for name in ("predictions.parquet", "metrics.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


def stops_its_parent(rank: int, logger: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        time.sleep(0.1)
        os.kill(os.getppid(), signal.SIGTERM)


@pytest.mark.usefixtures("forked")
def test_ranks_that_do_not_listen_yet_are_interrupted_not_failed() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(SystemExit) as stopped:
            ranks.run_ranks(2, stops_its_parent, Copies([]))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped.value.code == 128 + signal.SIGTERM


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_shards_are_the_batch_and_their_losses_its_loss(mixup: float) -> None:
    class Store:
        table = pd.DataFrame({"label": np.arange(11) % 2})

        def read(self, rows: np.ndarray) -> np.ndarray:
            return np.repeat(rows.astype(np.uint8), 12).reshape(-1, 2, 2, 3)

    def batch(shard: tuple[int, int]) -> tuple[Any, ...]:
        weights = np.linspace(1, 2, 11, dtype=np.float32)
        shown: Any = (Store(), np.arange(11), weights, lambda patch, seed: patch, Mix(mixup), shard)
        return TrainingPatches(*shown).__getitems__([(position, 100 + position) for position in range(11)])

    whole, shards = batch((0, 1)), [batch((rank, 3)) for rank in range(3)]
    assert [len(shard[0]) for shard in shards] == [4, 4, 3]
    for rank, shard in enumerate(shards):
        np.testing.assert_array_equal(shard[0], whole[0][rank::3])
        np.testing.assert_array_equal(shard[1], whole[1][rank::3])
    means = [shard[2].mean() for shard in shards]
    assert sum(means) / 3 == pytest.approx(float(whole[2].mean()), rel=1e-6)


def test_more_devices_than_a_batch_has_cells_are_refused(small: Small) -> None:
    with pytest.raises(
        MitofmError, match=r"trainer.devices=3, but \d+ training samples at fit.batch_size=2 make batches"
    ):
        run(small("adaptation=lora", "trainer.devices=3", "fit.batch_size=2"))


def test_more_devices_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    asked: Any = SimpleNamespace(
        trainer=SimpleNamespace(devices=2),
        fit=SimpleNamespace(batch_size=8),
        rows=lambda _: range(80),
        device=torch.device("cuda"),
    )
    with pytest.raises(MitofmError, match=r"trainer\.devices=2, but this process sees 1 GPU"):
        memory.refuse_idle_devices(asked)


def test_batch_norms_in_training_refuse_several_devices() -> None:
    asked: Any = SimpleNamespace(
        trainer=SimpleNamespace(devices=2, gradient_checkpointing=False), spec=SimpleNamespace(name="resnet18")
    )
    full: Any = SimpleNamespace(name="full", set_train_mode=lambda classifier: classifier.train())
    norms: Any = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    with pytest.raises(MitofmError, match=r"trainer.devices=2 would change the batch norms of backbone 'resnet18'"):
        memory.refuse_split_batches(asked, full, norms, 1)
