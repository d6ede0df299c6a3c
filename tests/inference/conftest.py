"""Cells trained once, as a user types it; what is done with them after training starts from here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mitofm import cli

TISSUE = [
    "data.source.domains=[lymphoma,melanoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=12",
]
QUICK = ["fit.max_epochs=1", "fit.min_steps=8", "trainer.threads=1", "trainer.accelerator=cpu",
         "trainer.progress=false", "logger=none", "backbone=toy_vit_p16"]  # fmt: skip
DECIDES = ["protocol.validation_cells=10", "protocol.validation_cells_per_class=3"]
Typed = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data, the cells of study `tried` and the cache."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def typed(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a command; gives what it printed. `SystemExit` where it ends with a code."""

    def command(*words: str | Path) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["mitofm", *map(str, words)])
        cli.main()
        out, err = capsys.readouterr()
        return out, err

    for name in ("data", "runs", "cache", "weights"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(home / name))
    return command


@pytest.fixture
def tried(home: Path, typed: Typed) -> Path:
    """The folder of the cells of study `tried`: linear_probe, lora, prompt."""
    if not (home / "runs").exists():
        typed("train", "-m", "adaptation=linear_probe,lora,prompt", "study=tried", *TISSUE, *QUICK, *DECIDES)
    return home / "runs" / "cells"
