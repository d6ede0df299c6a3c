"""The folder of a report: replaced as a whole, whatever happens meanwhile, and never at the cost of the user's own files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.reporting.report import _replace_report, make_report

if TYPE_CHECKING:
    from conftest import Study

Report = Callable[["Study"], Path]


def test_a_report_leaves_nothing_of_an_earlier_one(study: Study, report: Report) -> None:
    study.grid(adaptation=["linear_probe", "lora"], domains=[("breast",)], slides=[8])
    out = report(study)
    (out / "figures" / "midog" / "mistakes-of-before.png").write_text("a crop")
    (out / "of_the_user.txt").write_text("stays")
    assert report(study) == out
    assert not list(out.rglob("mistakes-of-before.png"))
    assert (out / "of_the_user.txt").is_file()


def test_a_report_that_cannot_be_made_leaves_the_earlier_one_whole(
    study: Study, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.grid(adaptation=["linear_probe", "lora"], domains=[("breast",)], slides=[8])
    out = report(study)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("mitofm.reporting.report.write_page", full)
    with pytest.raises(OSError, match="No space left"):
        report(study)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert {path.name for path in out.iterdir()} == {"figures", "tables", "report.html"}


def small_report(out: Path, name: str) -> None:
    with _replace_report(out) as new:
        (new / "figures" / "midog").mkdir(parents=True)
        (new / "figures" / "midog" / f"{name}.png").touch()
        if name == "old":
            (new / "beside").mkdir()
        (new / "report.html").write_text(name)


def killed_at(change: int, out: Path) -> bool:
    """Whether a process that makes a report comes to its so-manieth change of a file or folder, at which it dies."""
    if (child := os.fork()) == 0:
        left = iter(range(change))

        def die(event: str, _: object) -> None:
            if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"} and next(left, None) is None:
                os._exit(9)

        try:
            sys.addaudithook(die)
            small_report(out, "killed")
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.parametrize("earlier", [True, False])
def test_whenever_a_report_is_killed_the_next_leaves_nothing_of_it_or_of_earlier_ones(
    tmp_path: Path, earlier: bool
) -> None:
    for change in range(100):
        out = tmp_path / str(change)
        out.mkdir()
        (out / "of_the_user.txt").touch()
        if earlier:
            small_report(out, "old")
        dead = killed_at(change, out)
        if (out / "report.html").is_file():  # where it is, all of its own is
            name = (out / "report.html").read_text()
            assert [path.name for path in (out / "figures").rglob("*.png")] == [f"{name}.png"]
            assert (out / "beside").is_dir() == (name == "old")
        small_report(out, "new")
        there = {path.relative_to(out).as_posix() for path in out.rglob("*")}
        assert there == {"of_the_user.txt", "figures", "figures/midog", "figures/midog/new.png", "report.html"}, change
        if not dead:
            break
    assert 8 < change < 99


def test_a_report_is_made_in_its_own_folder_beside_others_that_are_being_made(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with _replace_report(out) as new:
        assert new.parent == out  # the folder around it may not be ours to write to
        assert list(tmp_path.iterdir()) == [out]
        small_report(out, "faster")
        (new / "report.html").write_text("slower")
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert (out / "report.html").read_text() == "slower"


def test_a_folder_of_the_users_own_is_in_the_way_of_a_report(study: Study, tmp_path: Path) -> None:
    study.grid(adaptation=["lora"])
    own = tmp_path / "out" / "figures" / "own.png"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(MitofmError, match=r"out/figures is in the way .*: move it elsewhere, or give another out="):
        make_report(study.runs, study.name, tmp_path / "out", tmp_path / "cache")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [own]
