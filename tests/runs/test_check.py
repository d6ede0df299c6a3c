"""`mitofm check` reads everything and names what is damaged, with what mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.ground.stowed import stow
from mitofm.runs.books import studies
from mitofm.runs.check import DAMAGED, KINDS, UNCHECKED, WHOLE, check, check_bundle

Typed = Callable[..., tuple[str, str]]


@pytest.fixture
def copy(tried: Path, typed: Typed, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a folder with runs and cache, to be damaged."""
    typed("report", "study=tried", "crops=false", f"out={tmp_path}/report")
    for name in ("runs", "cache"):
        shutil.copytree(home / name, tmp_path / name)
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(tmp_path / name))
    return tmp_path


def count(place: Path, study: str | None = "tried") -> dict[tuple[str, str], int]:
    found = [(one.kind, one.state) for one in check(place / "runs", study, place / "cache")]
    return {one: found.count(one) for one in found}


def test_everything_a_study_leaves_is_checked_and_each_damage_named(
    copy: Path, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = count(copy)
    assert {kind for kind, _ in whole} == set(KINDS) - {"bundles"}
    assert {state for _, state in whole} == {WHOLE}
    assert whole["cells", WHOLE] == 3
    said, _ = typed("check", "study=tried")
    total = sum(count(copy).values())  # the settings of the command are kept too
    assert said.splitlines()[1].split() == ["cells", "3", "0", "0"]
    damages = {
        "cells": next(copy.glob("runs/cells/*-lora-*/checkpoint/trained.safetensors")),
        "journals": copy / "runs" / "studies" / "tried" / "journal.jsonl",
        "patch stores": next(copy.glob("cache/patches/*/patches.npy")),
        "tables": next(copy.glob("cache/tables/*/table.parquet")),
        "embeddings": next(copy.glob("cache/embeddings/*.npy")),
        "kept results": next(copy.glob("cache/statistics/*.measured")),
    }
    for kind, file in damages.items():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 2
        file.write_bytes(content)
        assert [
            one for one in check(copy / "runs", "tried", copy / "cache") if one.state == DAMAGED and one.kind == kind
        ]
    with pytest.raises(SystemExit) as ended:
        typed("check", "study=tried")
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert f"mitofm: {len(damages)} of {total} are damaged" in err
    lines = [line for line in out.splitlines() if line.startswith("damaged  ")]
    assert len(lines) == len(damages)
    assert all("`" in line or "start the study's command again" in line for line in lines)


def test_states_that_trainings_branch_off_from_are_checked(tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "branches" / "made" / "4.ckpt"
    stow(kept.with_suffix(".curves"), "step,loss")
    with ZipFile(kept, "w") as archive:
        archive.writestr("data", bytes(100))
    assert count(tmp_path, None) == {("kept results", WHOLE): 2}
    for file in (kept, kept.with_suffix(".curves")):
        content = bytearray(file.read_bytes())
        content[50] ^= 2
        file.write_bytes(content)
    assert count(tmp_path, None) == {("kept results", DAMAGED): 2}


def test_what_is_of_before_is_counted_as_unchecked(copy: Path, typed: Typed) -> None:
    for marker in copy.glob("runs/cells/*/DONE"):
        marker.write_text("")
    for sums in copy.glob("cache/embeddings/*.json"):
        sums.unlink()
    found = count(copy)
    assert found["cells", UNCHECKED] == 3
    assert found["embeddings", UNCHECKED] > 0
    assert "of before there were checksums" in typed("check", "study=tried")[0]
    weights = next(copy.glob("runs/cells/*-lora-*/checkpoint/trained.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    assert count(copy)["cells", DAMAGED] == 1


def test_a_study_without_cells_has_none_to_check(copy: Path) -> None:
    studies.note_grid(copy / "runs", "planned", {}, {"seed": ["1", "2"]})
    assert not {state for kind, state in count(copy, "planned") if kind == "cells"}


def test_bundles_are_checked_too(copy: Path, typed: Typed) -> None:
    stored = Path(__file__).parents[2] / "experiments" / "nano_study" / "nano_study.zip"
    typed("bundle", "tried", f"output={copy}/s.zip")
    assert check_bundle(copy / "s.zip").state == WHOLE
    assert check_bundle(stored).state == WHOLE
    (copy / "s.zip").write_bytes((copy / "s.zip").read_bytes()[:-100])
    assert check_bundle(copy / "s.zip").state == DAMAGED
    with pytest.raises(MitofmError, match="unknown study"):
        list(check(copy / "runs", "nosuch", copy / "cache"))
