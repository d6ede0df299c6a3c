"""The strategy file: what it may name, and every way in which it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mitofm.data.splits.file import FromFile
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Split
from mitofm.ground.errors import MitofmError


def table(**slides: int) -> pd.DataFrame:
    """`slides` of each domain, with 6 negative and 6 positive samples on each slide."""
    rows = [
        {"domain": domain, "slide": f"{domain}{number}", "label": label}
        for domain, count in slides.items()
        for number in range(count)
        for label in [0, 1] * 6
    ]
    samples = pd.DataFrame(rows)
    return samples.assign(sample_id=[f"c{i:04d}" for i in range(len(samples))], image=samples["slide"])


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
    samples = table(lung=2, skin=1)
    listed = samples[["sample_id"]].assign(
        part=["train"] * 12 + ["test"] * 24, evaluation_set=[""] * 24 + ["theirs"] * 12
    )
    listed.to_csv(tmp_path / "s.csv", index=False)
    split = make(FromFile(name="file", file=str(tmp_path / "s.csv")), samples, 0.5, 0)
    assert len(split.rows("train")) == 6
    assert len(split.rows("validation")) == 0
    assert slides(split, "test", "in_domain") == {"lung1"}
    assert slides(split, "test", "theirs") == {"skin0"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slide,part\nlung0,train\nlung1,tset\n", r"unknown part 'tset' in split.file=.*row 3. Did you mean 'test'"),
        (
            "slide,part\nlung0,train\nlung9,test\n",
            r"row 3 \('lung9'\): no sample of the annotation table has this slide \(1 such",
        ),
        ("slide,part\nlung0,train\nlung0,test\n", r"row 3 \('lung0'\): the slide occurs twice \(1 such"),
        ("slide,part,evaluation_set\nlung0,train,x\n", r"row 2 \('lung0'\): only test rows may have an evaluation_set"),
        ("slide,part,evaluation_set\nlung0,train,\nlung1,test,all\n", "an evaluation set cannot be called 'all'"),
        ("case,part\nlung0,train\n", r"needs the columns 'sample_id' or 'slide', and 'part'. It has: case, part"),
        ("slide,part\n", "lists no samples"),
        ("", "cannot be read"),
        ("sample_id,part\nc0000,train\nc0001,test\nc0002,train\nc0003,test\n", "leak: slide 'lung0' is on two sides"),
        ("slide,part\nlung0,train\n", r"names no test samples, so nothing can be tested: it says 'train' 1 times"),
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


def said(tmp_path: Path, text: str, samples: pd.DataFrame, **more: Any) -> dict[str, str]:
    """Slide -> part, by a file with that text."""
    (tmp_path / "split.csv").write_text(text)
    frame = make(FromFile(name="file", file=str(tmp_path / "split.csv"), **more), samples, 1.0, 0).frame
    return dict(zip(frame["slide"], frame["part"], strict=True))


THREE = {"lung0": "train", "lung1": "validation", "lung2": "test", "lung3": "unused"}


@pytest.mark.parametrize(
    "text",
    [
        "slide,part\nlung0 ,train\n lung1, validation \nlung2,test\t\n",
        "\ufeffSlide ; Part \nlung0;Train\nlung1;VAL\nlung2;Testing\n",
        "slide\tsplit\nlung0\ttraining\nlung1\tvalid\nlung2\ttest\n",
        'sep=;\n"FILENAME";"Set"\n"lung0.TIFF";"train"\n"lung1.tiff";"dev"\n"lung2.tif";"test"\n',
        "Image,dataset\nslides/lung0.svs,train\nslides\\lung1.svs,val\nlung2.ome.tiff,test\n",
        "x,y,slide,split\n1,2,lung0,train\n1,3,lung0,train\n1,4,lung1,val\n9,9,lung0,train\n1,5,lung2,test\n",
    ],
    ids=["blanks", "semicolons", "tabs", "quoted", "paths", "samples"],
)
def test_files_are_read_as_they_come(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text, table(lung=4)) == THREE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_words_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "split.txt"
    path.write_text("Präparat;Teil\nlung0;Übung\nlung1;Prüfung\n", encoding=encoding)
    words = {"train": ["übung"], "test": ["Prüfung"]}
    strategy = FromFile(name="file", file=str(path), columns={"slide": "präparat", "part": "Teil"}, words=words)
    assert slides(make(strategy, table(lung=3), 1.0, 0), "train") == {"lung0"}


def test_parquet_of_categories_and_numbers_with_blanks(tmp_path: Path) -> None:
    samples = table(a=3).assign(slide=lambda t: t["slide"].str.replace("a", "00"))
    listed = pd.DataFrame({"slide": [0.0, 1.0, 2.0], "Split": pd.Categorical(["train ", "train ", " test"])})
    listed.set_index("slide").to_parquet(tmp_path / "s.parquet")
    split = make(FromFile(name="file", file=str(tmp_path / "s.parquet")), samples, 1.0, 0)
    assert slides(split, "train") == {"000", "001"}
    assert slides(split, "test", "in_domain") == {"002"}


@pytest.mark.parametrize(
    ("names", "rows", "says"),
    [
        (["001.tiff", "002.tiff"], "1,train\n2,test\n", None),
        (["001", "2"], "001.tiff,train\n002.png,test\n", None),
        (["caseA/001.png", "caseB/001.png"], "caseA/001,train\ncaseB/001,test\n", None),
        (["1", "001"], "1,train\n001,test\n", None),  # as they are, they are two
        (["TCGA-A1.2", "TCGA-A1.3"], "TCGA-A1.2.svs,train\ntcga-a1.3,test\n", None),
        (
            ["caseA/001.png", "caseB/001.png"],
            "001,train\nx,test\n",
            r"row 2 \('001'\): it may be 'caseA/001.png' or 'caseB/001.p",
        ),
        (["01", "001"], "1,train\nx,test\n", r"row 2 \('1'\): it may be '01' or '001'"),
        (["001", "002"], "001,train\n1,test\n", r"row 3 \('1'\): it is '001', which row 2 calls '001'"),
        (
            ["001", "002"],
            "1.5,train\n2,test\n",
            r"row 2 \('1.5'\): no sample .* has this slide \(1 such names; it has '001'",
        ),
    ],
)
def test_names_are_matched_as_they_are_then_loosely_and_never_two(
    tmp_path: Path, names: list[str], rows: str, says: str | None
) -> None:
    samples = table(a=2).assign(slide=lambda t: t["slide"].map(dict(zip(["a0", "a1"], names, strict=True))))
    text = f"slide,part\n{rows}"
    if says is None:
        assert said(tmp_path, text, samples) == dict(zip(names, ["train", "test"], strict=True))
    else:
        with pytest.raises(MitofmError, match=says):
            said(tmp_path, text, samples)


def test_a_file_names_crops_and_slides_as_they_were_before_slides_were_joined(tmp_path: Path) -> None:
    samples = table(a=2).assign(crop=lambda t: [f"crops/M21_{i}.png" for i in range(len(t))])
    rows = "".join(f"M21,{i},train\n" for i in range(12))
    more = {"columns": {"sample": ["set", "uid"]}, "listed": "train", "others": "test"}
    assert said(tmp_path, f"set,uid,note\n{rows}", samples, **more) == {"a0": "train", "a1": "test"}
    joined = table(a=3).assign(own_slide=lambda t: t["slide"], slide=lambda t: "patient of " + t["slide"])
    (tmp_path / "s.csv").write_text("slide,part\na0,train\na1,test\n")
    sides = FromFile(name="file", file=str(tmp_path / "s.csv")).sides(joined, 0)
    assert sides.part.tolist() == ["train"] * 12 + ["test"] * 12 + ["unused"] * 12


def test_what_others_are_and_a_validation_share_drawn_by_seed(tmp_path: Path) -> None:
    text = "slide\n" + "".join(f"lung{i}\n" for i in range(6))
    more = {"listed": "train", "others": "test", "validation_share": 0.3}
    parts = said(tmp_path, text, table(lung=8), **more)
    assert [parts["lung6"], parts["lung7"]] == ["test", "test"]
    assert sorted(parts.values()) == ["test"] * 2 + ["train"] * 4 + ["validation"] * 2
    strategy = FromFile(name="file", file=str(tmp_path / "split.csv"), **more)
    drawn = {frozenset(slides(make(strategy, table(lung=8), 1.0, seed), "validation")) for seed in range(5)}
    assert len(drawn) > 1
    given = said(tmp_path, "slide,part\nlung0,train\nlung1,val\nlung2,test\n", table(lung=4), validation_share=0.5)
    assert given == THREE


def test_evaluation_sets_by_data_set(tmp_path: Path) -> None:
    samples = table(lung=3, skin=1).assign(
        dataset=lambda t: t["slide"].map(lambda name: "B" if name == "lung2" else "A")
    )
    (tmp_path / "s.csv").write_text("slide,part\nlung0,train\n")
    strategy = FromFile(name="file", file=str(tmp_path / "s.csv"), others="test", sets_by="dataset")
    split = make(strategy, samples, 1.0, 0)
    assert [slides(split, "test", name) for name in ("in_domain", "out_of_domain", "B")] == [
        {"lung1"}, {"skin0"}, {"lung2"},
    ]  # fmt: skip


def test_names_of_nothing_are_an_error_or_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "slide,part\nlung0,train\ngone,train\nlung1,test\n"
    assert said(tmp_path, text, table(lung=2), absent="ignore") == {"lung0": "train", "lung1": "test"}
    assert "no sample has 1 of its names, the first is 'gone'" in caplog.text
    with pytest.raises(MitofmError, match=r"row 2 \('x'\): no sample of the annotation table has this slide"):
        said(tmp_path, "slide,part\nx,train\ny,test\n", table(lung=2), absent="ignore")


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("slide,part\nlung0,train\n\nlung0,test\n", {}, r"row 4 \('lung0'\): .* here as 'test', in row 2 as 'train'"),
        (
            "slide,part\nlung0,test\nlung1,test\n",
            {},
            "names no train samples, so nothing can be learned: it says 'test' 2 t",
        ),
        (
            "slide,part\nlung0,train\n",
            {"columns": {"part": "Teil"}},
            r"unknown column 'Teil' in split.file=.*: part, slide",
        ),
        ("slide,part\nlung0,train\n", {"columns": {"unit": "x"}}, "unknown column 'unit' in split.columns"),
        ("slide,part\nlung0,train\n", {"others": "tests"}, "unknown split.others 'tests'. Did you mean 'test'"),
        (
            "slide,part\nlung0,train\n",
            {"words": {"test": ["train"]}},
            "'train' means train and test; it can mean one part",
        ),
        ("slide,part\nlung0,train\nlung1,5\n", {"words": {"train": 5}}, "unknown part 'train' in .*There is: 5, "),
        ("slide,part\nlung0,train\n", {"words": {"tests": []}}, "unknown part 'tests' in words"),
        ("Slide,SLIDE,part\nlung0,a,train\n", {}, "its columns 'Slide' and 'SLIDE' may both be meant"),
        ("slide\nlung0\n", {}, "needs the columns 'sample_id' or 'slide', and 'part'. It has: slide. Say which"),
    ],
)
def test_what_else_cannot_be_meant(tmp_path: Path, text: str, more: dict[str, Any], says: str) -> None:
    with pytest.raises(MitofmError, match=says):
        said(tmp_path, text, table(lung=4), **more)


def test_of_several_files_the_first_that_is_there_in_whatever_case(tmp_path: Path) -> None:
    (tmp_path / "Split.CSV").write_text("slide,part\nlung0,train\nlung1,test\n")
    paths = [str(tmp_path / "none.csv"), str(tmp_path / "split.csv")]
    assert FromFile(name="file", file=paths).files() == [tmp_path / "Split.CSV"]
    with pytest.raises(MitofmError, match=r"split.file=.*none.csv does not exist; .* holds Split.CSV"):
        FromFile(name="file", file=paths[0]).files()


@pytest.mark.parametrize(
    ("split_file", "says"),
    [
        ("MIDOGpp.csv", {"train": 360, "validation": 93, "test": 50}),
        ("datasets_xvalidation.csv", {"train": 392, "test": 111}),
        ("MIDOG2022_training_tiff.csv", "names no test samples, .* 'train' 16423 times and 'val' 4129 times"),
        ("MITOS_WSI_CCMCT_ODAEL_binary_labels.csv", "names no train samples, .* 'test' 72845 times"),
    ],
)
def test_the_published_files(split_file: str, says: dict[str, int] | str) -> None:
    folder = Path(__file__).parents[3] / "shared" / "data" / "published"
    if not (folder / split_file).is_file():
        pytest.skip(f"{folder / split_file} is not there: it may not be passed on")
    table_of = "MIDOGpp.csv" if split_file == "datasets_xvalidation.csv" else split_file
    files = pd.read_csv(folder / table_of, usecols=["filename"])["filename"].drop_duplicates()
    samples = pd.DataFrame({"image": files, "slide": files.str.rpartition(".")[0], "domain": "x"})
    samples = pd.concat([samples.assign(label=label, sample_id=samples["slide"] + f"-{label}") for label in (0, 1)])
    strategy = FromFile(name="file", file=str(folder / split_file))
    if isinstance(says, str):
        with pytest.raises(MitofmError, match=says):
            make(strategy, samples, 1.0, 0)
    else:
        parts = make(strategy, samples, 1.0, 0).frame
        assert parts.groupby("part")["slide"].nunique().to_dict() == says


def test_what_shares_a_unit_with_what_is_held_out_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its authors could not know that lung0 and lung3, and lung1 and lung2, are of one patient each."""
    samples = table(lung=5)
    units = {"lung0": "lung0", "lung3": "lung0", "lung1": "lung1", "lung2": "lung1", "lung4": "lung4"}
    path = tmp_path / "authors.csv"
    path.write_text("slide,part\nlung0,train\nlung1,train\nlung2,validation\nlung3,test\nlung4,train\n")
    split = make(FromFile(name="file", file=str(path)), samples.assign(unit=samples["slide"].map(units)), 1.0, 0)
    parts = split.frame["part"].groupby(samples["slide"]).unique().map(list).to_dict()
    assert parts == {
        "lung0": ["unused"],
        "lung1": ["unused"],
        "lung2": ["validation"],
        "lung3": ["test"],
        "lung4": ["train"],
    }
    assert "24 samples share a unit with what is held out, and are not used" in caplog.text
    path.write_text("sample_id,part\nc0000,train\nc0001,test\nc0002,train\nc0003,train\nc0004,test\n")
    with pytest.raises(MitofmError, match="leak: slide 'lung0' is on two sides"):
        make(FromFile(name="file", file=str(path)), samples, 1.0, 0)
