"""`make torture`, short: kills that a sweep outlives. docs/reliability.md has the long one."""

import runpy
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parents[2] / "benchmarks" / "torture.py"


def test_a_sweep_outlives_kills_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--kills", "2", "--cells", "4", "--within", "2", "--place", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(TORTURE), *short])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TORTURE), run_name="__main__")
    said = capsys.readouterr().out
    assert ended.value.code == 0, said + (tmp_path / "storm.log").read_text()[-2000:]
    first, second = said.splitlines()
    assert first.startswith("2 kills, ")
    assert second == "4 cells done, 0 finished again, 0 of 16 results differ"
