"""Four processes fill one array, and the file is that of one process, whoever is killed on the way."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from mitofm.ground import locks, resumable, shared_array
from mitofm.ground.files import is_abandoned, map_npy
from mitofm.ground.locks import lock
from mitofm.ground.shared_array import SharedArray, sweep

ROWS, WIDTH, PIECE = 80, 256, 4


def fill(folder: Path, piece: Callable[[], object] = lambda: None) -> None:
    """What each process does: `piece` is called before every piece of rows is written."""
    whole, part = folder / "x.npy", folder / "x.part"
    array = SharedArray(part, (ROWS, WIDTH), np.float32, piece=PIECE, pieces=2, ended=whole.is_file)
    with closing(array.claim()) as shares:
        for share, rows in shares:
            for start in share[::PIECE]:
                if not rows.holds(start):
                    piece()
                    of = np.arange(start, min(start + PIECE, share.stop))
                    rows.write(of, np.tile(of[:, None], WIDTH))
                    rows.note(start)
    with lock(folder / "x.lock"):
        if not whole.is_file():
            array.finish(whole)
    sweep(part)


def start(folder: Path, seconds: float = 0.004) -> BaseProcess:
    process = get_context("fork").Process(target=fill, args=(folder, lambda: time.sleep(seconds)))
    process.start()
    return process


def count_noted(folder: Path) -> int:
    return sum(len(resumable.read_notes(file, folder / "x.part")) for file in folder.glob("*.progress"))


def test_the_bytes_of_one_process_whoever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "_NOTE_EVERY", 0.02)
    monkeypatch.setattr(locks, "BEAT", 0.05)  # who waits looks half as often
    moments = random.Random(0)
    (tmp_path / "one").mkdir()
    fill(tmp_path / "one")
    expected = (tmp_path / "one" / "x.npy").read_bytes()
    np.testing.assert_array_equal(map_npy(tmp_path / "one" / "x.npy")[:, -1], np.arange(ROWS))
    for turn in range(10):
        folder = tmp_path / str(turn)
        folder.mkdir()
        processes = [start(folder) for _ in range(4)]
        time.sleep(moments.uniform(0, 0.12))
        killed = processes[turn % 4]
        os.kill(killed.pid, signal.SIGKILL)  # type: ignore[arg-type]
        for process in processes:
            process.join()
            assert process is killed or process.exitcode == 0
        with lock(folder / "x.lock"):  # which a process that is killed at its end leaves: the next takes it over
            pass
        sweep(folder / "x.part")  # and what one leaves that is killed after its last piece
        left = [file for file in folder.iterdir() if not is_abandoned(file)]  # which the next process sweeps
        assert {file.name: file.read_bytes() for file in left} == {"x.npy": expected}


def test_after_all_are_killed_no_noted_piece_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "_NOTE_EVERY", 0.02)
    processes = [start(tmp_path, 0.2) for _ in range(4)]  # time to kill them before they are through
    while count_noted(tmp_path) < 2:
        time.sleep(0.01)
    for process in processes:
        process.kill()
        process.join()
    noted = count_noted(tmp_path)
    written: list[None] = []
    fill(tmp_path, lambda: written.append(None))
    assert len(written) == ROWS // PIECE - noted
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_notes_do_not_come_again_after_another_process_has_finished_the_array(tmp_path: Path) -> None:
    array = SharedArray(
        tmp_path / "x.part", (ROWS, WIDTH), np.float32, piece=PIECE, pieces=ROWS // PIECE, ended=lambda: False
    )
    with closing(array.claim()) as shares:
        share, rows = next(shares)
        for start in share[::PIECE]:
            rows.write(np.arange(start, start + PIECE), np.zeros((PIECE, WIDTH)))
            rows.note(start)
        while count_noted(tmp_path) < ROWS // PIECE:
            time.sleep(0.01)
        fill(tmp_path)  # finds all rows noted
        assert (tmp_path / "x.npy").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("steps", [0, 1, ROWS // PIECE // 2])
def test_what_a_process_leaves_that_dies_while_it_removes_the_notes_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    def die_after(file: Path) -> None:
        if file.is_file():
            if len(removed) == steps:
                raise InterruptedError
            removed.append(file)
            file.unlink()

    removed: list[Path] = []
    monkeypatch.setattr(shared_array, "remove", die_after)
    with pytest.raises(InterruptedError):
        fill(tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "x.npy").is_file()
    assert len(list(tmp_path.iterdir())) > 1
    fill(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_another_shape_begins_anew_and_pieces_lie_on_pages(tmp_path: Path) -> None:
    for width in (WIDTH, 2 * WIDTH):
        array = SharedArray(tmp_path / "x.part", (ROWS, width), np.float32, piece=PIECE, pieces=1, ended=lambda: False)
        with closing(array.claim()) as shares:
            share, rows = next(shares)
            assert share == range(PIECE)
            assert not rows.holds(0)
            rows.note(0)
        size = (tmp_path / "x.part").stat().st_size
        assert (size - ROWS * width * 4) % 4096 == 0
