"""The frozen first blocks are computed once and kept, or at every step: the cell is the same."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import torch

from mitofm.backbones.views import turn
from mitofm.data.augment import Augment, cut_centre
from mitofm.data.turned import TurnedFeatures
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import prefix
from mitofm.training.prefix import _NotKept, find_turns
from mitofm.training.settings import Settings

LAST = ["adaptation=lora", "adaptation.last_blocks=2"]
LONG = ["data.source.cells_per_slide=6", "fit.batch_size=8", "fit.min_steps=80", "fit.max_steps=80"]


@pytest.fixture
def trained(small: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Trains a cell into a runs folder of its own, with a cache that the test's cells share; gives its folder."""

    def train(name: str, *overrides: str) -> Path:
        places = [f"paths.runs={tmp_path / name}", f"paths.cache={tmp_path / 'cache'}"]
        composed = small(*LAST, *LONG, *places, *overrides)
        assert run(composed) is State.DONE
        return tmp_path / name / "cells" / identify(Settings.read(resolve(composed))).folder_name

    return train


def read_logits(folder: Path) -> np.ndarray:
    return pd.read_parquet(folder / "predictions.parquet")["logit"].to_numpy()


def count_kept(tmp_path: Path) -> int:
    return len(list((tmp_path / "cache" / "embeddings").glob("*.npy")))


def test_a_cell_is_the_same_with_its_prefix_kept(
    trained: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    computed = read_logits(trained("computed", "trainer.prefix_cache_gb=0"))
    assert "the 2 frozen blocks" in caplog.text
    assert "trainer.prefix_cache_gb" in caplog.text
    assert not (tmp_path / "cache" / "embeddings").exists()
    kept = read_logits(trained("kept"))
    assert count_kept(tmp_path) == 8
    assert "are kept in the cache" in caplog.text
    np.testing.assert_allclose(kept, computed, rtol=0, atol=1e-5)
    again = read_logits(trained("workers", "trainer.workers=1"))
    np.testing.assert_array_equal(again, kept)


def test_a_short_training_reads_what_another_has_kept_but_does_not_make_it(
    trained: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    short = ["fit.min_steps=4", "fit.max_steps=4"]
    trained("short", *short)
    assert "this training sees 32 patches, fewer than the 576 to compute" in caplog.text
    assert count_kept(tmp_path) == 0
    trained("long", "augment=none", "fit.min_steps=10", "fit.max_steps=10")
    assert count_kept(tmp_path) == 1  # nothing is turned
    caplog.clear()
    trained("short_too", *short, "augment=none", "adaptation.lr=1e-4")
    assert "are kept in the cache" in caplog.text


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["augment=paper"], "ColorJitter, GaussianBlur, Rotate of the augmentation does more"),
        (["fit.mixup=0.2"], "samples are mixed"),
        (["trainer.gradient_checkpointing=true"], "trainer.gradient_checkpointing"),
    ],
)
def test_what_is_no_function_of_a_view_is_computed_at_every_step(
    trained: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, given: list[str], why: str
) -> None:
    caplog.set_level(logging.INFO)
    trained("cell", "fit.min_steps=2", "fit.max_steps=2", *given)
    assert why in caplog.text
    assert count_kept(tmp_path) == 0


def test_a_full_disk_hinders_no_cell(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(prefix, "count_frozen", lambda _: 2)
    monkeypatch.setattr(prefix, "_open", Mock(side_effect=OSError(28, "No space left on device")))
    assert prefix.open_prefix(Mock(), Mock(), Mock(), Mock()) is None
    assert (
        "the 2 frozen blocks before the first adapted one are computed at every step: [Errno 28] No space"
        in caplog.text
    )


@pytest.mark.parametrize("names", [["D4"], ["HorizontalFlip", "RandomRotate90"], ["Transpose", "VerticalFlip"]])
def test_the_view_of_every_seed_is_the_one_that_is_drawn(names: list[str]) -> None:
    from types import SimpleNamespace as Made

    rng = np.random.default_rng(1)
    transforms = [{"_target_": f"albumentations.{name}", "p": 0.9} for name in names]
    patches = rng.integers(256, size=(2, 20, 20, 3), dtype=np.uint8)
    cell: Any = Made(
        settings=Made(augment=Made(transforms=transforms)),
        store=Made(patches=patches, crop_px=16),
        fit=Made(mixup=0, cutmix=0),
    )
    turns, augment = find_turns(cell), Augment(transforms, 16)
    drawn = set()
    for seed in range(200):
        view = turns(seed)
        drawn.add(view)
        shown = turn(torch.from_numpy(cut_centre(patches, 16)), view).numpy()
        np.testing.assert_array_equal(augment(patches[1], seed), shown[1])
    assert len(drawn) > 3


def test_a_transform_of_another_package_is_not_taken_for_one_that_turns() -> None:
    from types import SimpleNamespace as Made

    cell: Any = Made(
        settings=Made(augment=Made(transforms=[{"_target_": "mylab.D4"}])),
        store=Made(crop_px=16),
        fit=Made(mixup=0, cutmix=0),
    )
    with pytest.raises(_NotKept, match=r"mylab\.D4 of the augmentation"):
        find_turns(cell)


def test_another_process_is_sent_the_names_of_the_files(tmp_path: Path) -> None:
    arrays = np.arange(2 * 5 * 3 * 7, dtype=np.float32).reshape(2, 5, 3, 7)
    files = tuple(tmp_path / f"{view}.npy" for view in range(2))
    for file, array in zip(files, arrays, strict=True):
        np.save(file, array)
    features = TurnedFeatures(files)
    np.testing.assert_array_equal(features.read(np.array([4, 1]), [1, 0]), [arrays[1, 4], arrays[0, 1]])
    sent = pickle.dumps(features)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent).read(np.array([0]), [1]), arrays[1, :1])
