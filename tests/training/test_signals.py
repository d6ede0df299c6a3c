"""A cell that is asked to stop saves, stops, and goes on to the same bits."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.training import callbacks

SETTINGS = ["adaptation=full", "fit.min_steps=12", "fit.max_steps=12", "trainer.checkpoint_seconds=1000", "logger=csv"]


def asked(monkeypatch: pytest.MonkeyPatch, number: int, at_step: int) -> None:
    save = callbacks.SaveToResume._save

    def stop_now(self: callbacks.SaveToResume, trainer: Any) -> None:
        if trainer.global_step == at_step:
            os.kill(os.getpid(), number)
        save(self, trainer)

    monkeypatch.setattr(callbacks.SaveToResume, "_save", stop_now)


# At step 10 a point of the learning curves is due.
@pytest.mark.parametrize(
    ("number", "step"), [*((number, 5) for number in callbacks.SaveToResume.SIGNALS), (signal.SIGTERM, 10)]
)
def test_a_signal_saves_and_stops(
    small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals, step: int
) -> None:
    called: list[int] = []
    before = signal.signal(number, lambda number, _: called.append(number))  # as submitit does, to requeue the job
    try:
        with monkeypatch.context() as patch:
            asked(patch, number, at_step=step)
            patch.setattr("tempfile.mkstemp", refuse)
            with pytest.raises(SystemExit) as stopped:
                run(small(*SETTINGS, f"paths.runs={tmp_path}/parts"))
        assert stopped.value.code == 128 + number
        assert called == [number]
        os.kill(os.getpid(), number)
        assert called == [number] * 2  # given back
    finally:
        signal.signal(number, before)
    (folder,) = tmp_path.glob("parts/cells/*")
    assert not {path.name for path in folder.iterdir()} & {state.value for state in State}
    assert f"saved at step {step}" in (folder / "log.txt").read_text()
    assert not list(tmp_path.glob("parts/locks/*.lock"))

    resumed_at: list[int] = []
    start = callbacks.SaveToResume.on_train_start

    def note(self: callbacks.SaveToResume, trainer: Any, module: Any) -> None:
        resumed_at.append(trainer.global_step)
        start(self, trainer, module)

    monkeypatch.setattr(callbacks.SaveToResume, "on_train_start", note)
    assert run(small(*SETTINGS, f"paths.runs={tmp_path}/parts")) is State.DONE
    assert resumed_at == [step]
    assert run(small(*SETTINGS, f"paths.runs={tmp_path}/whole")) is State.DONE
    parts, whole = (tmp_path / runs / "cells" / folder.name for runs in ("parts", "whole"))
    for name in ("predictions.parquet", "curves.csv"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    assert "\n10,train/loss," in (whole / "curves.csv").read_text()


def refuse(*_: Any) -> None:
    raise AssertionError(
        "the state of training belongs in no folder for temporary files, where a killed process leaves it"
    )


def test_what_interrupted_sessions_have_cost_goes_with_what_is_resumed(tmp_path: Path) -> None:
    first = callbacks.SaveToResume(tmp_path / "resume.ckpt", 60, 0)
    first.earlier = 100.0
    second = callbacks.SaveToResume(tmp_path / "resume.ckpt", 60, 0)
    second.load_state_dict(first.state_dict())
    assert 100 < second.earlier < 160
