"""One's own crops: whatever lies in the folder is read, or it is said what to state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.data.sources.own_crops import OwnCrops
from mitofm.ground.errors import MitofmError

from .test_dataset import config
from .test_sources_crops_csv import CSV, touch


def source(root: Path, **settings: Any) -> OwnCrops:
    return OwnCrops(root, "mine", **settings)


def described(root: Path, **settings: Any) -> list[tuple[str, int, str]]:
    reader = source(root, **settings)
    reader.prepare()
    table = reader.table()
    assert all((reader.root / crop).is_file() for crop in table["crop"])
    assert all(path.is_file() for path in reader.files())
    return list(table[["sample_id", "label", "slide"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("atypical", "normal"),
        ("AMF", "NMF"),
        ("AMF", "Typical"),
        ("Mitosis", "Non-Mitosis"),
        ("mitotic_figure", "hard negative"),
        ("MF", "non-MF"),
        ("positive", "negative"),
        ("1", "0"),
        ("Mitotic figures", "Look-alikes"),
    ],
)
def test_folders_of_common_words_are_classes(tmp_path: Path, positive: str, negative: str) -> None:
    touch(tmp_path, f"{positive}/1.png", f"{positive}/2.png", f"{negative}/1.png", "thumbnails/1.png", ".git/0/1.png")
    assert [label for _, label, _ in sorted(described(tmp_path))].count(1) == 2
    reader = source(tmp_path)
    assert reader.table()["domain"].eq("mine").all()
    assert reader.table()["slide"].equals(reader.table()["sample_id"])  # so that reports say that no slide is known


def test_folders_of_slides_and_a_folder_around_them(tmp_path: Path) -> None:
    touch(tmp_path, "crops/Atypical/sA/1.png", "crops/Atypical/sB/1.png", "crops/Normal/sA/1.png", "readme.txt")
    wanted = [("Atypical-sA-1", 1, "sA"), ("Atypical-sB-1", 1, "sB"), ("Normal-sA-1", 0, "sA")]
    assert described(tmp_path) == wanted
    assert described(tmp_path / "crops") == wanted
    (tmp_path / "crops").rename(tmp_path / "as unzipped")  # the only folder
    assert described(tmp_path) == wanted
    touch(tmp_path, "something else/1.png")
    with pytest.raises(MitofmError, match=r"holds 2 folders, .* classes: in as unzipped\."):
        source(tmp_path).table()


def test_folders_of_ones_own_words_are_stated(tmp_path: Path) -> None:
    touch(tmp_path, "good/1.png", "bad/1.png", "a/bad/1.png")
    with pytest.raises(MitofmError) as raised:
        source(tmp_path).table()
    for words in ("are not two classes by their common words", "folders: a, bad, good", "data.source.positive=[...]"):
        assert words in str(raised.value)
    assert [row[:2] for row in described(tmp_path, positive="good", negative=["bad", "a/bad"])] == [
        ("a-bad-1", 0),
        ("bad-1", 0),
        ("good-1", 1),
    ]
    with pytest.raises(MitofmError, match=r"state both data\.source\.positive and data\.source\.negative"):
        source(tmp_path, positive="good")


@pytest.mark.parametrize("third", ["AMF", "hard negative"])
def test_three_classes_are_for_the_user_to_join_or_leave_out(tmp_path: Path, third: str) -> None:
    touch(tmp_path, "Atypical/1.png", "Normal/1.png", f"{third}/1.png")
    with pytest.raises(MitofmError, match="not two classes by their common words"):
        source(tmp_path).table()


def test_folders_of_classes_in_two_folders_are_not_one_of_them(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in ("test", "train") for name in ("1", "0")))
    with pytest.raises(MitofmError, match=r"holds 2 folders, .* classes: in test, train\. Point data\.source\.root"):
        source(tmp_path).table()
    assert len(described(tmp_path, positive=["test/1", "train/1"], negative=["test/0", "train/0"])) == 4


@pytest.mark.parametrize(
    "text",
    [
        "patch,label,slide\na/1.png,1,s\nb/1.png,0,t\n",
        "file;class;slide_id\na/1.png;1,0;s\nb/1.png;0,0;t\n",
        "Image\tClass\tCase\na/1.png\tMitosis\ts\nb/1.png\tnon-mitosis\tt\n",
        '\ufeffpath,majority,slide\n"C:\\x\\a\\1.png",AMF,s\n"C:\\x\\b\\1.png",NMF,t\n',
        "n,tile,label,slide\n1,a/1,True,s\n2,b/1,False,t\n",
    ],
)
def test_a_table_in_any_layout_names_the_crops(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "my list.csv").write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("of May\n")
    assert [row[1:] for row in described(tmp_path)] == [(1, "s"), (0, "t")]
    assert len({sample for sample, *_ in described(tmp_path)}) == 2


def test_the_table_of_a_published_set_is_read_by_its_common_words(tmp_path: Path) -> None:
    touch(tmp_path, "crops/1.png", "crops/2.png", "crops/3.png")
    (tmp_path / "MIDOG.csv").write_text(CSV)
    assert described(tmp_path) == [("1", 0, "201.tiff"), ("2", 1, "201.tiff"), ("3", 0, "7.tiff")]
    table = source(tmp_path, columns={"votes": ["expert1", "expert2", "expert3"], "domain": None}).table()
    assert table["votes"].tolist() == [2, 3, 3]
    assert table["domain"].eq("mine").all()


def test_a_table_without_labels_describes_folders_of_classes(tmp_path: Path) -> None:
    touch(tmp_path, "mitosis/1.png", "negative/2.png")
    (tmp_path / "slides.csv").write_text("name,slide,mpp\n1.png,s,0.5\n2.png,t,0.5\n")
    assert described(tmp_path) == [("mitosis-1", 1, "s"), ("negative-2", 0, "t")]
    (tmp_path / "negative").rename(tmp_path / "x")
    with pytest.raises(MitofmError, match=r"slides\.csv names crops but no labels, and the folders"):
        source(tmp_path).table()
    assert source(tmp_path, columns={"label": None}).table()["label"].eq(-1).all()  # to be scored


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("f,label\n1.png,low\n2.png,high\n", {}, r"its column label holds high, low: which words are which label\?"),
        ("f,label\n9.png,1\n", {"file": "a.csv"}, r"none of its columns names an image below .*; it has: f, label"),
        ("f,label\n1.png,1\n2.png,\n2.png,0\n", {}, r"a\.csv: row 3: label is empty"),
        ("f,label\n1.png,1\n", {"columns": {"crops": "f"}}, "unknown column 'crops'"),
        ("f,label\n1.png,1\n", {"columns": {"crop": "g"}}, r"no table in .* has the column g"),
        ("f,label\n9.png,1\n", {"columns": {"slide": "f"}}, r"no table in .* names its images"),
        (
            "f,grade\n1.png,1\n2.png,0\n",
            {},
            r"known to hold labels; it has: f, grade\. .*'data.source.columns=\{label: WORD\}'",
        ),
        ("f,label\n1.png,1\n2.png,0\n", {"file": "b.csv"}, r"b\.csv does not exist"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, settings: dict[str, Any], message: str) -> None:
    touch(tmp_path, "1.png", "2.png")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, **settings).table()


def test_two_tables_of_crops_and_no_folder_at_all(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("f,label\n1.png,1\n2.png,0\n")
    with pytest.raises(
        MitofmError, match=r"a\.csv and b\.csv of .* both name crops\. Say which with data\.source\.file"
    ):
        source(tmp_path).table()
    assert len(described(tmp_path, file="B.csv")) == 2
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*nowhere is no folder"):
        source(tmp_path / "nowhere").files()
    assert source(tmp_path / "nowhere").root == tmp_path / "nowhere"


@pytest.mark.parametrize("column", ["slide", "patient", "domain"])
def test_a_gap_in_what_splits_rest_on_is_refused(tmp_path: Path, column: str) -> None:
    """Left out, the column would make every crop a slide of its own, and samples of one slide would be on two sides."""
    touch(tmp_path, "a/1.png", "a/2.png", "a/3.png")
    (tmp_path / "l.csv").write_text(f"file,label,{column}\na/1.png,1,A\na/2.png,0,\na/3.png,0,A\n")
    with pytest.raises(MitofmError, match=rf"l\.csv: row 3: {column} is empty"):
        source(tmp_path).table()
    assert len(source(tmp_path, columns={column: None}).table()) == 3
    (tmp_path / "l.csv").write_text(f"file,label,{column}\na/1.png,1,\na/2.png,0,\na/3.png,0,\n")
    assert len(source(tmp_path).table()) == 3


def test_the_shipped_config_states_nothing_and_takes_what_is_typed(tmp_path: Path) -> None:
    stated = config("own_crops", tmp_path)["source"]
    assert {key for key, value in stated.items() if value not in (None, [], {})} == {"_target_", "root", "name"}
    typed = compose("prepare", ["data=own_crops", "data.source.columns={slide: block}", "data.source.spelling={a: b}"])
    assert (typed.data.source.columns, typed.data.source.spelling) == ({"slide": "block"}, {"a": "b"})
    with pytest.raises(MitofmError, match=r"as a whole: 'data.source.columns=\{slide: ...\}'"):
        compose("prepare", ["data=own_crops", "data.source.columns.slide=block"])
