"""Locks that end with their process and leave no file."""

import errno
import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mitofm.ground.system_locks import system_lock

COUNT = """
import sys
from pathlib import Path
from mitofm.ground.system_locks import system_lock
file = Path(sys.argv[1])
for _ in range(200):
    with system_lock(file.with_name("x.lock")):
        number = int(file.read_text())
        file.write_text(str(number + 1))
"""
HOLD = """
import sys, time
from pathlib import Path
from mitofm.ground.system_locks import system_lock
with system_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_eight_processes_take_turns_and_leave_nothing(tmp_path: Path) -> None:
    file = tmp_path / "count"
    file.write_text("0")
    running = [subprocess.Popen([sys.executable, "-c", COUNT, str(file)]) for _ in range(8)]
    assert [process.wait(timeout=120) for process in running] == [0] * 8
    assert file.read_text() == "1600"
    assert list(tmp_path.iterdir()) == [file]


def test_it_is_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    path, taken = tmp_path / "x.lock", threading.Event()

    def take() -> None:
        with system_lock(path):
            taken.set()

    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
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
