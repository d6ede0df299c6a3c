"""The strategy file: what it may name, and every way in which it is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mitofm.data.splits.file import FromFile
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Split
from mitofm.errors import MitofmError


def table(**slides: int) -> pd.DataFrame:
    """`slides` of each domain, with 6 negative and 6 positive cells on each slide."""
    rows = [
        {"domain": domain, "slide": f"{domain}{number}", "label": label}
        for domain, count in slides.items()
        for number in range(count)
        for label in [0, 1] * 6
    ]
    cells = pd.DataFrame(rows)
    return cells.assign(sample_id=[f"c{i:04d}" for i in range(len(cells))], image=cells["slide"])


def slides(split: Split, part: str, evaluation_set: str = "") -> set[str]:
    frame = split.frame
    return set(frame.loc[(frame["part"] == part) & (frame["evaluation_set"] == evaluation_set), "slide"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_may_name_slides(tmp_path: Path, suffix: str) -> None:
    listed = pd.DataFrame(
        {"slide": ["lung0", "lung1", "lung2", "skin0"], "part": ["train", "validation", "test", "test"]}
    )
    path = tmp_path / f"authors{suffix}"
    listed.to_csv(path, index=False) if suffix == ".csv" else listed.to_parquet(path)
    strategy = FromFile(name="file", file=str(path))
    split = make(strategy, table(lung=4, skin=2), 1.0, 0)
    assert slides(split, "train") == {"lung0"}
    assert slides(split, "validation") == {"lung1"}
    assert slides(split, "test", "in_domain") == {"lung2"}
    assert slides(split, "test", "out_of_domain") == {"skin0"}
    assert slides(split, "unused") == {"lung3", "skin1"}
    assert strategy.files() == [path]
    assert strategy.describe() == "authors"


def test_a_file_may_name_cells_and_evaluation_sets(tmp_path: Path) -> None:
    cells = table(lung=2, skin=1)
    listed = cells[["sample_id"]].assign(
        part=["train"] * 12 + ["test"] * 24, evaluation_set=[""] * 24 + ["theirs"] * 12
    )
    listed.to_csv(tmp_path / "s.csv", index=False)
    split = make(FromFile(name="file", file=str(tmp_path / "s.csv")), cells, 0.5, 0)
    assert len(split.rows("train")) == 6
    assert len(split.rows("validation")) == 0
    assert slides(split, "test", "in_domain") == {"lung1"}
    assert slides(split, "test", "theirs") == {"skin0"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slide,part\nlung0,train\nlung1,tset\n", r"unknown part 'tset' in split.file=.*row 3. Did you mean 'test'"),
        ("slide,part\nlung0,train\nlung9,test\n", r"row 3 \('lung9'\): no cell of the annotation table has this slide"),
        ("slide,part\nlung0,train\nlung0,test\n", r"row 3 \('lung0'\): the slide occurs twice \(1 such"),
        ("slide,part,evaluation_set\nlung0,train,x\n", r"row 2 \('lung0'\): only test rows may have an evaluation_set"),
        ("slide,part,evaluation_set\nlung0,train,\nlung1,test,all\n", "an evaluation set cannot be called 'all'"),
        ("case,part\nlung0,train\n", r"needs the columns 'sample_id' or 'slide', and 'part'. It has: case, part"),
        ("slide,part\n", "lists no cells"),
        ("", "cannot be read"),
        ("sample_id,part\nc0000,train\nc0001,test\nc0002,train\nc0003,test\n", "leak: slide 'lung0' is on two sides"),
        ("slide,part\nlung0,train\n", r"no evaluation set holds both classes \(0 test cells\)"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_by_row(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(MitofmError, match=says):
        make(FromFile(name="file", file=str(tmp_path / "split.csv")), table(lung=4), 1.0, 0)


def test_a_file_that_is_not_there_or_not_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "split.xlsx").touch()
    (tmp_path / "split.parquet").write_text("slide,part")
    for name, says in {
        "none.csv": "does not exist",
        "split.parquet": "cannot be read",
        "split.xlsx": "a .csv or .parquet file is needed",
    }.items():
        with pytest.raises(MitofmError, match=says):
            make(FromFile(name="file", file=str(tmp_path / name)), table(lung=4), 1.0, 0)
