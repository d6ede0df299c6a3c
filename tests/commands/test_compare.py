"""Two studies side by side on a narrow screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mitofm import cli

from ..reporting.test_compare import filled

if TYPE_CHECKING:
    from ..made_up import Study


@pytest.mark.parametrize("columns", [80, 120])
def test_it_can_be_read_on_a_screen_of(
    columns: int, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(study, "one", backbone=["uni"], adaptation=["lora", "full"], fraction=[0.1, 1.0])
    filled(study, "other", backbone=["virchow2"], adaptation=["lora", "linear_probe"], fraction=[0.1, 1.0])
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(
        "sys.argv", ["mitofm", "compare", "one", "other", f"paths.runs={study.runs}", f"out={tmp_path}"]
    )
    cli.main()
    lines = capsys.readouterr().out.splitlines()[:-1]  # the last one is a path
    assert max(map(len, lines)) <= columns
    assert len([line for line in lines if line.startswith("outcome ")]) == (
        2 if columns == 80 else 0
    )  # a line for each pair
    assert "backbone uni against virchow2" in " ".join(" ".join(lines).split())
