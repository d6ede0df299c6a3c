"""One cell on two devices gives what one device gives; what goes wrong in a rank ends the cell."""

import json
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

from mitofm.data.mixing import Mix
from mitofm.data.module import TrainingPatches
from mitofm.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import memory, ranks
from mitofm.training.copies import Copies

Small = Callable[..., Any]


def cell(composed: Any) -> Path:
    assert run(composed) is State.DONE
    config = resolve(composed)
    return Path(config["paths"]["runs"]) / "cells" / identify(config).folder_name


def test_two_processes_give_the_logits_of_one(small: Small, tmp_path: Path) -> None:
    shared = ["adaptation=lora", "adaptation.dropout=0", "backbone=toy_vit_p16", "augment=paper", "fit.mixup=0.4"]
    shared += ["fit.min_steps=12", "fit.max_steps=12", "fit.checks=2", "fit.batch_size=10", "logger.csv=true"]
    shared += ["trainer.checkpoint_seconds=0", "protocol.validation_cells=20", "protocol.validation_cells_per_class=5"]
    one, two = (cell(small(*shared, f"trainer.devices={n}", f"paths.runs={tmp_path}/{n}")) for n in (1, 2))
    assert one.name == two.name
    logits = [pd.read_parquet(folder / "predictions.parquet")["logit"].to_numpy() for folder in (one, two)]
    assert np.ptp(logits[0]) > 0.1
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-5)
    found = [json.loads((folder / "metrics.json").read_text())["chosen"] for folder in (one, two)]
    assert found[1]["checkpoint"]["step"] == found[0]["checkpoint"]["step"]
    assert found[1]["checkpoint"]["auroc"] == pytest.approx(found[0]["checkpoint"]["auroc"], abs=1e-6)
    curves = [pd.read_csv(folder / "curves.csv") for folder in (one, two)]
    np.testing.assert_allclose(curves[1]["value"], curves[0]["value"], atol=1e-4)


def fails_in_rank_1(rank: int, logger: Any) -> str:
    if rank == 1:
        raise MitofmError("rank 1 has had enough")
    time.sleep(600)
    return "done"


def test_a_rank_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "get_context", lambda _: get_context("fork"))  # starts faster
    started = time.monotonic()
    with pytest.raises(MitofmError, match="rank 1 has had enough"):
        ranks.together(2, fails_in_rank_1, Copies([]))
    assert time.monotonic() - started < 60


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
        MitofmError, match=r"trainer.devices=3, but \d+ training cells at fit.batch_size=2 make batches"
    ):
        run(small("adaptation=lora", "trainer.devices=3", "fit.batch_size=2"))


def test_batch_norms_in_training_refuse_several_devices() -> None:
    asked: Any = SimpleNamespace(
        trainer={"devices": 2, "gradient_checkpointing": False}, spec=SimpleNamespace(name="resnet18")
    )
    full: Any = SimpleNamespace(name="full", set_train_mode=lambda classifier: classifier.train())
    norms: Any = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    with pytest.raises(MitofmError, match=r"trainer.devices=2 would change the batch norms of backbone 'resnet18'"):
        memory.refuse_split_batches(asked, full, norms, 1)
