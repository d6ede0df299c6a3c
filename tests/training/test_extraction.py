"""Embeddings by several processes, and what they cost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import pytest

from mitofm.adaptation.frozen import FrozenAdaptation
from mitofm.backbones import embeddings
from mitofm.ground import locks
from mitofm.ground.errors import MitofmError
from mitofm.training.extraction import extract, measure, read_frozen
from mitofm.training.settings import Settings


@pytest.fixture
def settings(resolved: Callable[..., Any]) -> Callable[..., Settings]:
    return lambda *overrides: Settings.read(resolved(*overrides))


def test_four_processes_one_of_them_killed_give_the_bytes_of_one(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "_PIECE", 32)
    monkeypatch.setitem(embeddings._BATCH, "cpu", 16)
    monkeypatch.setattr(locks, "BEAT", 0.1)  # who waits looks half as often
    one = settings()
    file, features = extract(one)
    expected = {each: each.read_bytes() for each in (file, file.with_suffix(".json"))}
    for each in expected:
        each.unlink()
    processes = [get_context("fork").Process(target=extract, args=(one,)) for _ in range(4)]
    for process in processes:
        process.start()
    time.sleep(0.05)
    os.kill(processes[1].pid, signal.SIGKILL)  # type: ignore[arg-type]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, -signal.SIGKILL, 0, 0]
    assert {each: each.read_bytes() for each in expected} == expected
    assert not list(file.parent.glob(f"{file.stem}.part*"))
    assert features.shape == (len(one.dataset.table()), 192)


def test_a_few_crops_are_measured_and_nothing_is_kept(settings: Callable[..., Settings]) -> None:
    measured = measure(settings())
    assert (measured.device, measured.bytes_each, measured.patch_bytes) == ("cpu", 192 * 4, 64 * 64 * 3)
    assert 0 < measured.crops < measured.of_store
    assert measured.seconds > 0


def test_a_mode_that_trains_the_backbone_has_no_embeddings(settings: Callable[..., Settings]) -> None:
    assert isinstance(read_frozen(settings()), FrozenAdaptation)
    with pytest.raises(MitofmError, match=r"adaptation=full trains the backbone.*adaptation=linear_probe"):
        read_frozen(settings("adaptation=full"))
