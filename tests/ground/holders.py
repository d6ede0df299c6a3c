"""Processes that hold a lock: `lock` is the name of its context manager, as in "mitofm.ground.locks.lock"."""

import subprocess
import sys
from pathlib import Path

COUNT = """
import sys
from pathlib import Path
from {module} import {name}
file = Path(sys.argv[1])
for _ in range({turns}):
    with {name}(file.with_name("x.lock")):
        number = int(file.read_text())
        file.write_text(str(number + 1))
"""
HOLD = """
import sys, time
from pathlib import Path
from {module} import {name}
with {name}(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def count_together(folder: Path, lock: str, turns: int) -> None:
    """Eight processes count on in one file, each so many times, under `folder`/x.lock; nothing else is left in the folder."""
    file = folder / "count"
    file.write_text("0")
    script = _spell(COUNT, lock, turns=turns)
    running = [subprocess.Popen([sys.executable, "-c", script, str(file)]) for _ in range(8)]
    assert [process.wait(timeout=120) for process in running] == [0] * 8
    assert file.read_text() == str(8 * turns)
    assert list(folder.iterdir()) == [file]


def hold(path: Path, lock: str, *container: str) -> subprocess.Popen[bytes]:
    """A process that holds the lock `path`, started by the command `container` if that is given."""
    command = [*container, sys.executable, "-c", _spell(HOLD, lock), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _spell(script: str, lock: str, **more: int) -> str:
    module, _, name = lock.rpartition(".")
    return script.format(module=module, name=name, **more)
