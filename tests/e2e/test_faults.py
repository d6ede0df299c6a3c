"""A file system that refuses: full, over its quota, read only, not allowed, stale, broken. The command ends with one line."""

from __future__ import annotations

import errno
import io
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra

CALLS = {"open": io, "mkdir": os, "link": os, "replace": os, "fsync": os}
NUMBERS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ESTALE, errno.EIO]


class Fault:
    """Lets some calls pass that change something in `place`, then refuses each."""

    def __init__(self, call: str, number: int, passing: int, place: Path) -> None:
        self.real, self.number, self.passing, self.place = getattr(CALLS[call], call), number, passing, str(place)
        self.writes = call != "open"
        self.refused = 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        mode = str(given[1] if len(given) > 1 else named.get("mode", "r"))
        if self._concerns(given[0]) and (self.writes or set(mode) & set("wax+")):
            self.passing -= 1
            if self.passing < 0:
                self.refused += 1
                raise OSError(
                    self.number, os.strerror(self.number), os.fspath(given[0]) if not self._is_open(given[0]) else None
                )
        return self.real(*given, **named)

    def _concerns(self, file: Any) -> bool:
        path = Path(f"/proc/self/fd/{file}").readlink() if self._is_open(file) else Path(file).absolute()
        return str(path).startswith(self.place)

    @staticmethod
    def _is_open(file: Any) -> bool:
        return isinstance(file, int)


@pytest.fixture
def train(
    shared: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    typed: Callable[..., tuple[str, str]],
    quick: list[str],
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Path], tuple[int, str]]:
    """Trains a cell into a folder of runs; gives the exit code and what is printed on stderr."""

    def command(runs: Path) -> tuple[int, str]:
        words = ["train", "backbone=toy_vit_p16", "adaptation=linear_probe", "fraction=1.0", *quick]
        try:
            return 0, typed(*words, f"paths.runs={runs}")[1]
        except SystemExit as ended:
            return int(ended.code or 0), capsys.readouterr().err
        finally:
            GlobalHydra.instance().clear()

    for name in ("data", "cache"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(shared / name))
    if not (shared / "cache" / "embeddings").exists():  # data and imports are not what is timed
        assert command(tmp_path_factory.mktemp("first"))[0] == 0
    return command


def list_cases() -> Iterator[tuple[str, int, int]]:
    """Each call and number once; which of the calls is the first to be refused differs."""
    for place, (call, number) in enumerate(itertools.product(CALLS, NUMBERS)):
        yield call, number, place % 3


@pytest.mark.parametrize(("call", "number", "passing"), list_cases())
def test_a_cell_ends_with_one_line_and_nothing_half_written(
    train: Callable[[Path], tuple[int, str]], tmp_path: Path, call: str, number: int, passing: int
) -> None:
    fault = Fault(call, number, passing, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CALLS[call], call, fault)
        began = time.monotonic()
        code, said = train(tmp_path)
        took = time.monotonic() - began
    assert fault.refused
    assert code == 2, said
    assert took < 10
    (line,) = [line for line in said.splitlines() if line.startswith("mitofm:")]
    assert os.strerror(number) in line
    assert "Traceback" not in said
    left = [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()]
    assert not [name for name in left if name.endswith((".part", ".lock")) or ".lock." in name], left
    if any(name.endswith("DONE") for name in left):  # what was refused came after it: the note in the study's journal
        assert call == "link"
        assert passing == 2
    assert train(tmp_path)[0] == 0
