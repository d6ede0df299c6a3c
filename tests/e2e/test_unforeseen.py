"""Errors that nobody foresaw, of a library say: one line and an exit code, the traceback only for who asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra

from mitofm.commands.showing.helping import COMMANDS

Ended = Callable[..., tuple[int, list[str]]]
SAID = "(mitofm does not foresee this error: HYDRA_FULL_ERROR=1 shows its traceback)"


class Odd(Exception):
    """An error of a library."""


def fail(*_: object, **__: object) -> None:
    raise Odd("first line\n  a trace\x1b of another process\nlast line")


@pytest.fixture
def ended(
    typed: Callable[..., tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ended:
    """Types a command that fails; gives its code, and what it has printed on stderr."""
    monkeypatch.setenv("MITOFM_RUNS", str(tmp_path / "runs"))

    def command(*words: str) -> tuple[int, list[str]]:
        with pytest.raises(SystemExit) as ended:
            typed(*words)
        GlobalHydra.instance().clear()
        return int(ended.value.code or 0), capsys.readouterr().err.splitlines()

    return command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_with_one_line(command: str, ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module(f"mitofm.commands.{command}"), "main", fail)
    code, said = ended(command, "a")
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith("mitofm: Odd")
    assert "first line ... last line" in said[0]
    assert said[0].endswith(SAID)


def test_the_line_of_ours_is_named(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mitofm.runs.status.read_studies", fail)
    code, said = ended("status")
    assert code == 1
    assert said[0].startswith("mitofm: Odd at runs/status.py:")


@pytest.mark.parametrize("way", [[], ["-m"], ["on_error=raise"], ["-m", "on_error=raise"]])
def test_a_cell_ends_with_one_line_and_keeps_its_traceback(
    way: list[str], ended: Ended, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitofm.training.fit.fit_cell", fail)
    code, said = ended("train", *way, "backbone=toy_vit_p16", "study=odd", *quick)
    assert code == 1
    assert not [line for line in said if "Traceback" in line or line.startswith("  File")]
    assert [line for line in said if line.startswith("mitofm: Odd at runs/execute.py:") and line.endswith(SAID)]
    (failed,) = tmp_path.glob("runs/cells/*/FAILED")
    assert "Traceback" in failed.read_text()


def test_an_error_of_hydra_s_own_side_is_one_line(
    ended: Ended, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hydra, "multirun", fail)
    code, said = ended("train", "-m", "backbone=toy_vit_p16", "seed=1,2", "study=odd", *quick)
    assert code == 1
    assert not [line for line in said if "Traceback" in line]
    assert said[-1].startswith("mitofm: Odd at commands/train.py:")
    assert said[-1].endswith(SAID)


def test_who_asks_for_the_traceback_gets_it(
    typed: Callable[..., tuple[str, str]], ended: Ended, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr("mitofm.runs.status.read_studies", fail)
    with pytest.raises(Odd):
        typed("status")
    monkeypatch.setattr("mitofm.training.fit.fit_cell", fail)
    with pytest.raises(Odd):
        typed("train", "backbone=toy_vit_p16", "study=odd", *quick)
    GlobalHydra.instance().clear()
    _, said = ended("train", "-m", "on_error=raise", "backbone=toy_vit_p16", "study=odd", *quick)
    assert [line for line in said if line.startswith("Traceback")]
