"""One holder at a time, and never a dead one."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mitofm.ground import locks
from mitofm.ground.errors import MitofmError
from mitofm.ground.locks import Held, NoLock, find_holder, lock

from .holders import count_together, hold

LOCK = "mitofm.ground.locks.lock"


def elsewhere(path: Path) -> None:
    """A lock that a process of another machine holds."""
    path.write_text(json.dumps({"token": "t", "machine": "b", "host": "far", "process": 1, "born": "2"}))


def test_eight_processes_take_turns(tmp_path: Path) -> None:
    count_together(tmp_path, LOCK, 10)


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    process = hold(path, LOCK)
    assert f"process {process.pid}" in find_holder(path)
    with pytest.raises(Held, match=f"process {process.pid}"), lock(path, wait=False):
        pass
    process.kill()
    process.wait()
    assert find_holder(path) == ""
    began = time.monotonic()
    with lock(path, wait=False):
        assert time.monotonic() - began < 1
    assert list(tmp_path.iterdir()) == []  # nor is anything left of taking it over


CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc"]
TAKE = """
import sys, time
from pathlib import Path
from mitofm.ground import locks
locks.STALE = float(sys.argv[2])
began = time.monotonic()
try:
    with locks.lock(Path(sys.argv[1]), wait=sys.argv[2] != "120"):
        print("taken after", time.monotonic() - began)
except locks.Held as held:
    print(held)
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*CONTAINER, "true"], capture_output=True).returncode != 0,
    reason="process namespaces take root and a system that allows them",
)
def test_two_containers_in_which_every_process_is_number_1_keep_out_of_each_others_way(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"

    def take(stale: str) -> str:
        words = [*CONTAINER, sys.executable, "-c", TAKE, str(path), stale]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    first = hold(path, LOCK, *CONTAINER)
    try:
        assert "process 1" in take("120")
        assert "process 1" in find_holder(path)  # seen from outside as well
    finally:
        subprocess.run(["pkill", "-9", "-P", str(first.pid)], check=True)
        first.wait()
    assert float(take("0.5").rpartition(" ")[2]) >= 0.5


def test_a_process_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text(json.dumps({"token": "t", **locks._describe_process(), "born": "1"}))
    with lock(path, wait=False):
        pass


def test_too_many_open_files_make_no_holder_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    path = tmp_path / "x.lock"
    with lock(path):
        before = path.read_bytes()
        for method in ("read_text", "read_bytes"):  # of what is known of a process, and of the lock
            with monkeypatch.context() as patched:
                patched.setattr(Path, method, refuse)
                with pytest.raises((OSError, Held, NoLock)), lock(path, wait=False):
                    pass
        assert path.read_bytes() == before


@pytest.mark.parametrize("skew", [-1e6, 0, 1e6])
def test_another_machine_is_dead_when_it_is_silent_whatever_its_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    monkeypatch.setattr(locks, "STALE", 0.5)
    path = tmp_path / "x.lock"
    elsewhere(path)
    alive = threading.Event()

    def beat() -> None:
        beats = 0
        while not alive.wait(0.05):
            beats += 1
            os.utime(path, (time.time(), time.time() + skew + beats))

    beating = threading.Thread(target=beat)
    beating.start()
    stops = threading.Timer(1.0, alive.set)
    stops.start()
    began = time.monotonic()
    with lock(path):
        waited = time.monotonic() - began
    beating.join()
    assert 1.0 < waited < 6


def test_who_stood_still_too_long_notices(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with lock(path) as mine:
        mine.require()
        path.unlink()
        elsewhere(path)
        with pytest.raises(MitofmError, match="was taken over"):
            mine.require()
    assert path.exists()  # it is the other's


def test_a_link_that_was_made_and_not_answered_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def unanswered(source: Path, target: Path) -> None:
        link(source, target)
        raise OSError("the server did not answer, and on the second try the file existed")

    monkeypatch.setattr(os, "link", unanswered)
    with lock(tmp_path / "x.lock", wait=False) as mine:
        assert mine.is_ours()


def test_a_file_system_without_hard_links_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", none_here)
    with (
        pytest.raises(MitofmError, match=r"no hard links .* set paths.runs and paths.cache"),
        lock(tmp_path / "x.lock"),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ESTALE, errno.EIO])
@pytest.mark.parametrize("call", ["link", "mkdir", "open"])
def test_where_no_lock_can_be_made_nobody_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*{"link": (os, "link"), "mkdir": (Path, "mkdir"), "open": (Path, "write_text")}[call], refuse)
    with (
        pytest.raises(MitofmError, match=f"no lock can be made there .{os.strerror(number)}.: make room"),
        lock(tmp_path / "x.lock"),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "[]", '"text"', "[" * 2_000, '{"token": 1}', "\x00"])
def test_a_file_of_another_kind_locks_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.lock").write_text(content)
    assert find_holder(tmp_path / "x.lock") == ""
    with lock(tmp_path / "x.lock", wait=False):
        pass


def test_a_folder_in_the_place_of_a_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.lock").mkdir()
    assert find_holder(tmp_path / "x.lock") == ""
    with (
        pytest.raises(MitofmError, match=r"x.lock is a folder, and a lock belongs there: remove it"),
        lock(tmp_path / "x.lock"),
    ):
        pass


def test_two_waiters_do_not_break_each_others_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    elsewhere(path)
    late = locks.Waiter(path)
    late.look()
    path.unlink()
    with lock(path) as mine:  # somebody has been faster
        locks._break(path, late)
        assert mine.is_ours()


def test_a_damaged_lock_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with lock(path):
        whole = path.read_bytes()
        for place in range(0, len(whole), 5):
            for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
                path.write_bytes(damaged)
                find_holder(path)
        path.write_bytes(whole)
        assert find_holder(path)
