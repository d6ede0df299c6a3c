"""Damaged books of a study: what a cut or flipped byte costs, and that it stops nobody."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.runs.books import journal, studies
from mitofm.runs.check import DAMAGED, check
from mitofm.runs.collect import collect
from mitofm.runs.execute import run
from mitofm.runs.folder import CellFolder, DamagedCell, State
from mitofm.runs.status import tabulate
from mitofm.training.search import _read_trial

FAMILY = {"metric": "auroc", "test_set": None, "margin": 0.02, "family": {"lora": {"adaptation": ["lora", "full"]}}}
GRID: tuple[dict[str, str], dict[str, list[str]]] = {"data": "ami"}, {"seed": ["1", "2"]}


def damaged(whole: bytes) -> Iterator[bytes]:
    """The file cut, and flipped, in twenty places from its first byte to its last."""
    for place in {step * (len(whole) - 1) // 19 for step in range(20)}:
        yield whole[:place]
        yield whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]


def noted(runs: Path) -> Path:
    """A study whose journal holds every kind of note."""
    studies.state_comparisons(runs, "s", FAMILY)
    studies.note_grid(runs, "s", *GRID)
    studies.begin_sweep(runs, "s", 2)
    studies.enlist(runs, "s", "a", {"data": "ami", "seed": "1"})
    studies.note_end(runs, "s", "a", State.FAILED, fitted=True)
    studies.enlist(runs, "s", "b")
    return runs / "studies" / "s" / "journal.jsonl"


def test_a_journal_cut_at_any_byte_loses_the_cut_line_alone_and_stops_nobody(tmp_path: Path) -> None:
    file = noted(tmp_path)
    whole, (notes, _) = file.read_bytes(), journal.read(file)
    assert len(notes) == 6
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        assert list(tabulate(tmp_path, "s"))
        with suppress(MitofmError):  # no cell is left
            assert cut % 10 or set(collect(tmp_path, "s").cells["cell"]) <= {"a", "b", "seed=1", "seed=2"}
        studies.state_comparisons(tmp_path, "s", FAMILY)
        studies.enlist(tmp_path, "s", "late")
        kept = whole[: cut + 1].count(b"\n")  # a line that lacks its end alone is whole
        found, _ = journal.read(file)
        assert found[:kept] == notes[:kept]
        assert found[-1] == {"cell": "late"}
        assert studies.read(tmp_path, "s").stated == FAMILY


def test_a_flipped_bit_costs_its_line_alone(tmp_path: Path) -> None:
    file = noted(tmp_path)
    whole, (notes, _) = file.read_bytes(), journal.read(file)
    for place, byte in enumerate(whole):
        file.write_bytes(whole[:place] + bytes([byte ^ 1 << place % 8]) + whole[place + 1 :])
        line = whole[:place].count(b"\n")
        lost = slice(line, line + 1 + (byte == ord("\n")))  # without its end a line takes the next one with it
        assert journal.read(file)[0] in ([*notes[: lost.start], *notes[lost.stop :]], notes[:-1])


def test_damage_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = noted(tmp_path)
    file.write_bytes(file.read_bytes()[:-5])
    for _ in range(2):
        assert list(tabulate(tmp_path, "s"))
    assert [record.getMessage() for record in caplog.records] == [f"{file}: 1 damaged line is skipped"]


OLD = {
    "cells.csv": "cell\r\na\r\nb\r\n",
    "started.csv": f"{studies._hash_choices({'data': 'ami', 'seed': '1'})},a\n",
    "ends.csv": "b,DONE,0\na,FAILED,1\n",
    "sweep.json": json.dumps({"began": 1.0, "cells": 2, "start": len("b,DONE,0\n")}),
    "planned.json": json.dumps({"grids": [{"fixed": GRID[0], "swept": list(GRID[1].items())}]}),
    "comparisons.json": json.dumps(FAMILY, indent=2),
}


def written_before(runs: Path) -> Path:
    folder = runs / "studies" / "old"
    folder.mkdir(parents=True)
    for name, content in OLD.items():
        (folder / name).write_text(content, newline="")
    return folder


def test_a_study_from_before_there_were_journals_goes_on(tmp_path: Path) -> None:
    written_before(tmp_path)
    for _ in range(2):
        old = studies.read(tmp_path, "old")
        assert list(old.cells)[:2] == ["a", "b"]
        assert old.not_started() == (["seed=2"], 2)
        assert old.stated == FAMILY
        assert old.ended == [("a", State.FAILED, True)]
        assert old.sweep == studies.Begun(2, 1.0, 0)
        assert studies.list_names(tmp_path) == ["old"]
        studies.enlist(tmp_path, "old", "c")
    assert list(old.cells) == ["a", "b", "c"]


@pytest.mark.parametrize("name", [*OLD, "not_started.json"])
def test_a_damaged_file_of_an_older_study_stops_nobody(tmp_path: Path, name: str) -> None:
    folder = written_before(tmp_path)
    content = OLD.get(name) or json.dumps({"cells": ["seed=2"], "planned": 2})
    for bytes_ in damaged(content.encode()):
        (folder / name).write_bytes(bytes_)
        assert list(tabulate(tmp_path, "old"))
        studies.note_grid(tmp_path, "old", *GRID)
        studies.note_end(tmp_path, "old", "late", State.DONE, fitted=True)
        found = studies.read(tmp_path, "old")
        assert "late" in found.cells
        assert name == "cells.csv" or {"a", "b"} <= found.cells.keys()
        with suppress(MitofmError):
            collect(tmp_path, "old")


def test_a_finished_cell_of_damaged_files_is_known_named_and_not_run_again(
    small: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, runs = small("study=hurt", "seed=1"), tmp_path / "runs"
    monkeypatch.setattr("mitofm.training.fit.fit_cell", lambda *_: {"sets": {"all": {"auroc": 0.5}}})
    assert run(config) is State.DONE
    (folder,) = (runs / "cells").iterdir()
    for file in (*folder.iterdir(), runs / "studies" / "hurt" / "journal.jsonl"):
        if file.name != "DONE":
            file.write_bytes(b"\xff{")
    with pytest.raises(DamagedCell, match=r"config\.yaml has 2 bytes.*rm -r"):
        run(config)
    assert list(tabulate(runs, "hurt"))[1].split() == ["hurt", "1", "1", "0", "0", "0"]
    assert collect(runs, "hurt").cells["state"].item() == "damaged"
    (folder / "DONE").rename(folder / "FAILED")
    (folder / "FAILED").write_bytes(b"\xff\xff")
    assert CellFolder(runs, folder.name).read_reason()
    assert run(config) is State.DONE


def test_the_record_of_a_trial_is_whole_or_the_trial_is_run_again(tmp_path: Path) -> None:
    record = tmp_path / "trial.json"
    assert _read_trial(record) is None
    found = {"auroc": 0.9, "trained": {"steps": 8}}
    record.write_text(whole := json.dumps(found | {"checksum": fingerprints.of(found)}))
    assert _read_trial(record) == found
    for bytes_ in damaged(whole.encode()):
        record.write_bytes(bytes_)
        kept = _read_trial(record)
        assert kept is None or {key: kept[key] for key in found} == found


def test_lines_that_are_missing_are_told_wherever_a_journal_is_cut(tmp_path: Path) -> None:
    file = noted(tmp_path)
    whole = file.read_bytes()
    assert journal.describe_loss(file) == ""
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    assert len(ends) == 6
    for place in (0, *ends[:-1]):
        file.write_bytes(whole[:place])
        missing = 6 - whole[:place].count(b"\n")
        told = f"{missing} line{' of the study' if missing == 1 else 's of the study'}"
        assert journal.describe_loss(file).startswith(told)
        assert any(told in line for line in tabulate(tmp_path, "s"))
    file.write_bytes(whole[: ends[2] + 5])  # and a line that is torn, which is told by itself
    assert journal.describe_loss(file).startswith("2 lines")


def test_what_is_missing_is_told_until_the_end_is_removed(tmp_path: Path) -> None:
    file = noted(tmp_path)
    for cut in (file.read_bytes().index(b"\n") + 1, 3):
        file.write_bytes(file.read_bytes()[:cut])
        for _ in range(9):
            studies.enlist(tmp_path, "s", "late")
        assert "missing" in journal.describe_loss(file)
        file.with_suffix(".end").unlink()
        assert journal.describe_loss(file) == ""
        studies.enlist(tmp_path, "s", "later")
        assert journal.describe_loss(file) == ""


def test_a_writer_that_was_killed_loses_nothing_and_hides_nothing(tmp_path: Path) -> None:
    file = noted(tmp_path)
    end = file.with_suffix(".end")
    for unseen in (b'{"crc32": "0000', b'{"crc32": "00000000", "note": {}}\n'):
        before = end.read_bytes()
        file.write_bytes(file.read_bytes() + unseen)
        assert journal.describe_loss(file) == ""
        studies.enlist(tmp_path, "s", "late")
        assert journal.describe_loss(file) == ""
        end.write_bytes(before)  # killed before it wrote the end
        assert journal.describe_loss(file) == ""
        studies.enlist(tmp_path, "s", "late")
        assert journal.describe_loss(file) == ""
        whole = file.read_bytes()
        file.write_bytes(whole[: whole[:-1].rindex(b"\n") + 1])
        assert journal.describe_loss(file).startswith("1 line of")
        file.write_bytes(whole)


def test_another_study_s_journal_is_told_and_a_damaged_end_stops_nobody(tmp_path: Path) -> None:
    file = noted(tmp_path)
    for cell in "abcdefghij":
        studies.enlist(tmp_path, "other", cell)
    file.write_bytes((tmp_path / "studies" / "other" / "journal.jsonl").read_bytes())
    assert "not the file that was written" in journal.describe_loss(file)
    whole = file.with_suffix(".end").read_bytes()
    for bytes_ in damaged(whole):
        file.with_suffix(".end").write_bytes(bytes_)
        assert journal.describe_loss(file) == ""
        assert list(studies.read(tmp_path, "s").cells)
    studies.enlist(tmp_path, "s", "late")
    assert len(file.with_suffix(".end").read_bytes()) == len(whole)
    assert journal.describe_loss(file) == ""


def test_a_journal_that_is_gone_is_named_by_all_who_read_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = noted(tmp_path)
    file.unlink()
    assert studies.list_names(tmp_path) == ["s"]
    assert any("6 lines of the study's journal are missing" in line for line in tabulate(tmp_path, "s"))
    assert "6 lines of the study's journal are missing" in caplog.text


def test_appending_reads_no_more_of_a_long_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = noted(tmp_path)
    read: list[int] = []
    pread = os.pread

    def counted(of: int, size: int, at: int) -> bytes:
        read.append(size)
        return pread(of, size, at)

    monkeypatch.setattr(os, "pread", counted)
    for _ in range(50):
        studies.enlist(tmp_path, "s", "a")
    assert max(read) == 1
    assert len(file.read_bytes()) > 2000


def test_cells_that_an_older_list_lacks_are_told_by_their_configs(tmp_path: Path) -> None:
    written_before(tmp_path)
    for cell, study in {"a": "old", "b": "old", "c": "old", "d": "older"}.items():
        (tmp_path / "cells" / cell).mkdir(parents=True)
        (tmp_path / "cells" / cell / "config.yaml").write_text(f"data:\n  study: old\nstudy: {study}\nseed: 1\n")
    assert studies.read(tmp_path, "old").describe_loss() == "its list of cells lacks 1 that were run for it (c)"
    (tmp_path / "studies" / "old" / "cells.csv").write_text("cell\na\n")
    assert any("lacks 2 that were run for it (b, ...)" in line for line in tabulate(tmp_path, "old"))
    (told,) = (one for one in check(tmp_path, "old", tmp_path / "cache") if one.kind == "journals")
    assert told.state == DAMAGED
    assert "lacks 2" in told.told
    studies.enlist(tmp_path, "old", "b")  # now it has a journal too
    assert studies.read(tmp_path, "old").describe_loss() == "its list of cells lacks 1 that were run for it (c)"
