"""`make torture`, short: kills that a sweep and other commands outlive. docs/reliability.md has the long one."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BOTH = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import torture, torture_commands
for script, words in ((torture, sys.argv[1:8]), (torture_commands, sys.argv[8:])):
    sys.argv = [script.__file__, *words]
    if code := script.main():
        raise SystemExit(code)
    print("and", flush=True)
"""


def test_a_sweep_outlives_kills_to_the_last_bit_and_commands_leave_nothing_behind(tmp_path: Path) -> None:
    sweep = ["--kills", "2", "--cells", "4", "--within", "2", f"--place={tmp_path}/sweep"]
    commands = ["--kills", "2", "--only", "prepare", "embedding", "sync", "--place", f"{tmp_path}/commands"]
    done = subprocess.run(  # of one process, whose imports take longer than what it forks
        [sys.executable, "-c", BOTH, *sweep, *commands], capture_output=True, text=True, timeout=900, check=False
    )
    log = tmp_path / "sweep" / "storm.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-2000:] if log.exists() else "")
    of_sweep, of_commands = done.stdout.split("and\n")[:2]
    first, second = of_sweep.splitlines()
    assert first.startswith("2 kills, ")
    assert second == "4 cells done, 0 finished again, 0 of 16 results differ"
    assert of_commands.count("2 kills in ") == of_commands.count("the same bytes") == 3
