"""`make torture`, short: kills that a sweep and other commands outlive. docs/reliability.md has the long one."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TORTURE, OF_COMMANDS = BENCHMARKS / "torture.py", BENCHMARKS / "torture_commands.py"


def test_a_sweep_outlives_kills_to_the_last_bit(tmp_path: Path) -> None:
    short = ["--kills", "2", "--cells", "4", "--within", "2", "--place", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(TORTURE), *short], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "storm.log").read_text()[-2000:]
    first, second = done.stdout.splitlines()
    assert first.startswith("2 kills, ")
    assert second == "4 cells done, 0 finished again, 0 of 16 results differ"


def test_commands_outlive_kills_and_leave_nothing_behind(tmp_path: Path) -> None:
    short = ["--kills", "2", "--only", "prepare", "embedding", "sync", "--place", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(OF_COMMANDS), *short], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("2 kills in ") == done.stdout.count("the same bytes") == 3
