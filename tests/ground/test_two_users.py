"""Two users of one group share folders, each with a umask that lets the group write."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

GROUP, USERS = 54321, (54322, 54323)
USE = """
import os, sys, tempfile
from pathlib import Path
user, group, umask, place = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3], 8), Path(sys.argv[4])
from mitofm.ground import locks
from mitofm.ground.files import remember, remove, write_json
from mitofm.runs.books import journal

def work(place):
    path = place / "locks" / "x.lock"
    with locks.lock(path) as held:
        write_json(place / "cells" / "a" / "metrics.json", {"user": user})
        write_json(place / "cells" / "a" / "DONE", {})
        remove(place / "cells" / "a" / "DONE")
    journal.append(place / "studies" / "s" / "journal.jsonl", {"cell": str(user)})
    remember(place / "cache" / "entry.json", "value", lambda: user)
    dead = {"token": "t", **locks._describe_process(), "born": "1"}
    write_json(path, dead)  # of a process that has ended: the next one breaks it

with tempfile.TemporaryDirectory() as first:  # all is imported while Python's own files, root's perhaps, can be read
    for _ in range(2):
        work(Path(first))
os.setgroups([group]); os.setgid(group); os.setuid(user); os.umask(umask)
work(place)
"""


def use(user: int, umask: str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", USE, str(user), str(GROUP), umask, str(place)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the group, in one that anybody may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        shared = Path(made) / "shared"
        shared.mkdir()
        os.chown(shared, USERS[0], GROUP)
        shared.chmod(0o2775)
        yield shared


def test_users_of_a_group_go_on_with_each_others_files(place: Path) -> None:
    for user in (*USERS, *USERS):
        done = use(user, "002", place)
        assert done.returncode == 0, done.stderr
    assert (place / "studies" / "s" / "journal.jsonl").read_text().count('"cell"') == 4
    assert str(USERS[1]) in (place / "cells" / "a" / "metrics.json").read_text()


def test_a_folder_that_the_group_may_not_write_is_one_clear_error(place: Path) -> None:
    assert use(USERS[0], "022", place).returncode == 0
    refused = use(USERS[1], "022", place)
    assert refused.returncode == 1
    assert "no lock can be made there (Permission denied): make room, mend the permissions" in refused.stderr
