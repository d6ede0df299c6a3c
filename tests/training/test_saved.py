"""A saved state of training that has changed is not resumed from: the training begins anew and ends with the same bytes."""

from __future__ import annotations

import logging
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.training import callbacks
from mitofm.training.saved import is_whole

SETTINGS = ["adaptation=lora", "fit.min_steps=8", "fit.max_steps=8", "trainer.checkpoint_seconds=1000"]


def test_a_checkpoint_that_has_changed_is_noticed_or_the_same(tmp_path: Path) -> None:
    file, drawn = tmp_path / "resume.ckpt", random.Random(0)
    state = {"state_dict": {"a": torch.arange(300.0), "b": torch.ones(3, dtype=torch.bfloat16)}, "step": 7}
    torch.save(state, file)
    saved = file.read_bytes()
    assert is_whole(file)
    seen = 0
    for _ in range(300):
        place = drawn.randrange(len(saved))
        file.write_bytes(saved[:place] + bytes([saved[place] ^ (1 << drawn.randrange(8))]) + saved[place + 1 :])
        if is_whole(file):
            with suppress(RuntimeError):  # torch's own, of a header that zipfile does not look at
                read = torch.load(file, weights_only=True)
                assert read["step"] == 7
                assert all(torch.equal(read["state_dict"][name], state["state_dict"][name]) for name in "ab")
        else:
            seen += 1
        file.write_bytes(saved[:place])
        assert not is_whole(file)
    assert seen > 100


@pytest.fixture
def stopped(small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Stops a cell with these overrides at its fifth step; gives its folder."""

    def stop(*overrides: str) -> Path:
        save = callbacks.SaveToResume._save

        def stop_now(self: callbacks.SaveToResume, trainer: Any) -> None:
            if trainer.global_step == 5:
                os.kill(os.getpid(), signal.SIGUSR1)
            save(self, trainer)

        before = signal.signal(signal.SIGUSR1, lambda *_: None)
        try:
            with monkeypatch.context() as patch:
                patch.setattr(callbacks.SaveToResume, "_save", stop_now)
                with pytest.raises(SystemExit):
                    run(small(*SETTINGS, f"paths.runs={tmp_path}/parts", *overrides))
        finally:
            signal.signal(signal.SIGUSR1, before)
        (folder,) = tmp_path.glob("parts/cells/*")
        return folder

    return stop


def change_a_number(file: Path) -> None:
    """Flip a bit of the largest tensor that the file holds."""
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 0b0100_0000
    file.write_bytes(held)


def test_a_damaged_state_is_not_gone_on_from(
    small: Callable[..., Any], stopped: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = stopped()
    change_a_number(folder / "checkpoint" / "resume.ckpt")
    caplog.set_level(logging.WARNING)
    assert run(small(*SETTINGS, f"paths.runs={tmp_path}/parts")) is State.DONE
    assert "resume.ckpt is damaged: the training begins anew" in caplog.text
    assert run(small(*SETTINGS, f"paths.runs={tmp_path}/whole")) is State.DONE
    whole = tmp_path / "whole" / "cells" / folder.name
    for name in ("predictions.parquet", "checkpoint/trained.safetensors"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_damaged_weights_of_the_best_check_fail_the_cell(
    small: Callable[..., Any],
    stopped: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    checked = ["protocol.validation_samples=10", "protocol.validation_samples_per_class=3", "fit.checks=8"]
    checked += ["data.source.cells_per_slide=6", "fit.batch_size=64"]
    folder = stopped(*checked)
    change_a_number(folder / "checkpoint" / "best.safetensors")
    monkeypatch.setattr(callbacks.BestWeights, "on_validation_end", lambda *_: None)  # nothing is better afterwards
    with pytest.raises(MitofmError, match=r"best.safetensors has changed since it was written"):
        run(small(*SETTINGS, f"paths.runs={tmp_path}/parts", *checked))
    assert (folder / "FAILED").is_file()
