"""Temporary folders, and those that killed processes leave."""

import subprocess
import sys
from pathlib import Path

import pytest

from mitofm.ground.scratch import scratch

STAY = """
import sys, time
from pathlib import Path
from mitofm.ground.scratch import scratch
with scratch("x-", Path(sys.argv[1])) as folder:
    (folder / "file").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_removed_at_the_end_whatever_happens(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"), scratch("x-", tmp_path) as made:
        fail(made)
    assert list(tmp_path.iterdir()) == []


def test_those_of_killed_processes_are_removed_by_the_next(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", STAY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        dead, alive = (Path(process.stdout.readline().strip()) for process in processes if process.stdout)
        processes[0].kill()
        processes[0].wait()
        (tmp_path / f"{dead.name[:-1]}g").mkdir()  # no name of ours
        (tmp_path / "y").mkdir()
        (tmp_path / f"{dead.name[:-6]}000000").symlink_to(tmp_path / "y")
        before = set(tmp_path.iterdir())
        with scratch("x-", tmp_path) as mine:
            assert set(tmp_path.iterdir()) == before - {dead} | {mine}
        assert alive.is_dir()
    finally:
        for process in processes:
            process.kill()
            process.communicate()
