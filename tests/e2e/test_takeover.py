"""A process that stood still while another one, of another machine, took its cell over."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from mitofm import cli
from mitofm.commands import train
from mitofm.ground import locks

from .. import forked

CELL = ["train", "backbone=toy_vit_p16", "adaptation=full", "logger=csv", "trainer.threads=1", "trainer.progress=false",
        "trainer.accelerator=cpu", "trainer.checkpoint_seconds=0", "fit.max_epochs=1", "fit.min_steps=60",
        "data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]  # fmt: skip


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_it_ends_with_one_line_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "first.log"
    first = forked.start(CELL, tmp_path, log, {"MITOFM_DATA": str(tmp_path / "data"), "NO_COLOR": "1"})
    assert first.pid is not None
    try:
        until = time.monotonic() + 120
        while not (begun := list(tmp_path.glob("runs/cells/*/checkpoint/resume.ckpt"))):
            assert first.is_alive(), log.read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGSTOP)
        cell = begun[0].parents[1]
        assert not (cell / "DONE").exists()

        monkeypatch.setattr(locks, "_name_machine", lambda: "another machine")
        monkeypatch.setattr(locks, "STALE", 0.5)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MITOFM_DATA", str(tmp_path / "data"))
        monkeypatch.setattr("sys.argv", ["mitofm", *CELL])
        try:
            cli.main()
        finally:
            GlobalHydra.instance().clear()
        assert train._elsewhere == []  # it had waited for the cell; a further command in this process does not
        after = read_all(cell), read_all(tmp_path / "runs" / "studies")
        assert "DONE" in after[0]

        os.kill(first.pid, signal.SIGCONT)
        first.join(timeout=120)
        said = log.read_text()
    finally:
        first.kill()
    assert first.exitcode == 2, said
    (line,) = [line for line in said.splitlines() if line.startswith("mitofm:")]
    assert "was taken over: this process did not touch it for" in line
    assert "Traceback" not in said
    assert (read_all(cell), read_all(tmp_path / "runs" / "studies")) == after
    assert not list((tmp_path / "runs" / "locks").glob("*.lock"))
