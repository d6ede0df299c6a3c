"""What a shell completes at a Tab, asked as a shell asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mitofm.commands.completion import SHELLS, complete
from mitofm.commands.showing.helping import COMMANDS


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("mitofm", []),
        ("mitofm tr", ["train "]),
        ("mitofm train backb", ["backbone.", "backbone="]),
        ("mitofm train backbone=un", ["backbone=uni", "backbone=uni2_h"]),
        ("mitofm train -m backbone=nano,uni2", ["backbone=nano,uni2_h"]),
        ("mitofm train fit.max", ["fit.max_epochs=", "fit.max_steps="]),
        ("mitofm train adaptation=lora adaptation.ra", ["adaptation.rank="]),
        ("mitofm plan -m seed=1,2 hydra/sweeper=se", ["hydra/sweeper=search"]),
        ("mitofm prepare data=own_cr", ["data=own_crops"]),
        ("mitofm models uni", ["uni ", "uni2_h "]),
        ("mitofm train --config-dir ", []),
        ("mitofm train backbone=nosuch adaptation.ra", []),
        ("mitofm completion f", ["fish "]),
        ("mitofm nosuch a", []),
    ],
)
def test_the_last_word_is_completed(line: str, found: list[str]) -> None:
    assert complete(line) == found


def test_every_command_is_completed() -> None:
    assert complete("mitofm ") == [f"{one} " for one in sorted(COMMANDS)]


def test_studies_and_cells_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for study in ("mine", "more"):
        (tmp_path / "studies" / study).mkdir(parents=True)
        (tmp_path / "studies" / study / "journal.jsonl").touch()
    (tmp_path / "cells" / "ami-nano-abc").mkdir(parents=True)
    monkeypatch.setenv("MITOFM_RUNS", str(tmp_path))
    assert complete("mitofm status study=m") == ["study=mine ", "study=more "]
    assert complete("mitofm compare mine mo") == ["more "]
    assert complete("mitofm logs am") == ["ami-nano-abc "]


def test_bash_puts_it_into_the_line() -> None:
    """Bash splits words at = and replaces what follows it alone."""
    line = "mitofm train backbone=uni2"
    script = f"""{SHELLS["bash"]}
mitofm() {{ {sys.executable} -m mitofm "$@"; }}
COMP_LINE='{line}'; COMP_POINT={len(line)}; _mitofm; printf '%s\\n' "${{COMPREPLY[@]}}"; complete -p mitofm"""
    environment = {key: value for key, value in os.environ.items() if key != "BASH_ENV"}
    told = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.startswith("uni2_h\ncomplete ")
