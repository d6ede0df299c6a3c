"""Locks that end with their process and leave no file."""

import errno
import fcntl
import threading
from pathlib import Path

import pytest

from mitofm.ground.system_locks import system_lock

from .holders import count_together, hold

LOCK = "mitofm.ground.system_locks.system_lock"


def test_eight_processes_take_turns_and_leave_nothing(tmp_path: Path) -> None:
    count_together(tmp_path, LOCK, 200)


def test_it_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    path, taken = tmp_path / "x.lock", threading.Event()

    def take() -> None:
        with system_lock(path):
            taken.set()

    with hold(path, LOCK) as process:
        waiter = threading.Thread(target=take)
        waiter.start()
        assert not taken.wait(0.3)
        process.kill()
        assert taken.wait(10)
        waiter.join()
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_such_locks_has_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with system_lock(tmp_path / "x.lock"):
        assert [file.name for file in tmp_path.iterdir()] == ["x.lock.soft"]
    assert list(tmp_path.iterdir()) == []
