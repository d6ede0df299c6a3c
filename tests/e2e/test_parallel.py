"""Processes that run the cells of a sweep; here a cell is an expression, which processes without torch evaluate."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitofm.commands.sweeping.parallel import run_all
from mitofm.ground.errors import MitofmError

OS, SLEEP, SIGNAL = "__import__('os')", "__import__('time').sleep", "__import__('signal').signal"
TELL_PARENT = f"{OS}.kill({OS}.getppid(), 2)"


def test_a_process_takes_many_cells_and_a_dead_one_loses_its_own_alone() -> None:
    first, dead, second, third, failed = run_all(
        eval, [f"{OS}.getpid()", f"{OS}._exit(9)", *[f"{OS}.getpid()"] * 2, "1 / 0"], 1, False
    )
    assert isinstance(dead, MitofmError)
    assert "_exit(9) died (out of memory?): the same command goes on with it" in str(dead)
    assert isinstance(failed, ZeroDivisionError)
    assert first != second == third
    assert os.getpid() not in (first, second)


def ended(cells: list[str], processes: int, stop_at_error: bool = False) -> object:
    """The code with which a sweep ends, which it does long before its cells would."""
    began = time.monotonic()
    with pytest.raises(SystemExit) as stopped:
        run_all(eval, cells, processes, stop_at_error)
    assert time.monotonic() - began < 30
    return stopped.value.code


def test_a_cell_that_ends_its_process_or_fails_ends_all() -> None:
    assert ended([f"{SLEEP}(60)", "__import__('sys').exit(7)"], 2) == 7
    assert ended(["1 / 0", f"{SLEEP}(60)"], 1, stop_at_error=True) == 1


@pytest.fixture
def in_front() -> Iterator[None]:
    """Ctrl-C as in front of a terminal: a shell starts what runs behind it with Ctrl-C ignored, and then a sweep ignores it too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_front")
def test_ctrl_c_stops_all_and_a_second_one_kills_what_does_not_listen(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert ended([f"{TELL_PARENT} or {SLEEP}(60)", "1"], 1) == 128 + signal.SIGINT
    deaf = f"[{SIGNAL}(15, 1), {TELL_PARENT}, {SLEEP}(0.5), {TELL_PARENT}, {SLEEP}(60)]"
    assert ended([deaf], 1) == 128 + signal.SIGINT
    assert capfd.readouterr().err.count("mitofm: SIGINT: 1 processes save and stop; again ends them at once") == 2
    assert signal.getsignal(signal.SIGINT) is before


ORPHAN = f"""
from mitofm.commands.sweeping.parallel import run_all
if __name__ == "__main__":
    run_all(eval, ["print('begun', flush=True) or {SLEEP}(60)"], 1, False)
"""


@pytest.mark.parametrize("deaf", [False, True])
def test_processes_end_with_a_killed_parent(tmp_path: Path, deaf: bool) -> None:
    step = f"{SIGNAL}(15, lambda *_: None) or " if deaf else ""  # a handler of ours waits for the end of the step
    (script := tmp_path / "orphan.py").write_text(ORPHAN.replace("or ", f"or {step}"))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        began = time.monotonic()
        assert parent.stdout.read() == ""  # which waits until the orphan has closed it, too
    assert time.monotonic() - began < 10
