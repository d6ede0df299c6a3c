"""SlideRunner databases, made here with cells at known places."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mitofm.data.sources.slide_runner import SlideRunner
from mitofm.errors import MitofmError

CLASSES = {1: "Granulocyte", 2: "Mitotic figure", 3: "Tumor cell", 7: "Look-alike"}
# uid, slide, class, deleted, coordinates
CELLS = [
    (1, 1, 2, 0, [(100, 200)]),
    (2, 1, 7, 0, [(300, 400), (350, 451)]),  # the corners of a box
    (3, 2, 2, None, [(50000, 60000)]),
    (4, 2, 2, 1, [(1, 1)]),  # deleted
    (5, 2, 1, 0, [(7, 7)]),
    (6, 2, 0, 0, [(8, 8)]),  # the experts did not agree
]


def make(path: Path, cells: list[Any] = CELLS, deleted: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE Slides (uid INTEGER PRIMARY KEY, filename TEXT, width INTEGER, height INTEGER)")
        database.execute("CREATE TABLE Classes (uid INTEGER PRIMARY KEY, name TEXT, color TEXT)")
        column = ", deleted INTEGER DEFAULT 0" if deleted else ""
        database.execute(
            f"CREATE TABLE Annotations (uid INTEGER PRIMARY KEY, slide INTEGER, agreedClass INTEGER{column})"
        )
        database.execute(
            "CREATE TABLE Annotations_coordinates (coordinateX INTEGER, coordinateY INTEGER, annoId INTEGER)"
        )
        database.executemany("INSERT INTO Slides VALUES (?, ?, 1, 1)", [(1, "a1.svs"), (2, "b2.svs")])
        database.executemany("INSERT INTO Classes VALUES (?, ?, '')", CLASSES.items())
        for uid, slide, agreed, gone, points in cells:
            values = (uid, slide, agreed, gone) if deleted else (uid, slide, agreed)
            database.execute(f"INSERT INTO Annotations VALUES ({', '.join('?' * len(values))})", values)
            database.executemany("INSERT INTO Annotations_coordinates VALUES (?, ?, ?)", [(*p, uid) for p in points])
        database.commit()


def source(root: Path, **settings: Any) -> SlideRunner:
    given = {
        "positive": [2],
        "negative": [7],
        "ignored": "others",
        "domains": [{"domain": "mast", "species": "canine"}],
    }
    return SlideRunner(root, "mine", "databases/mine.sqlite", **(given | {"images": "WSI"} | settings))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "databases" / "mine.sqlite")
    return tmp_path


def test_cells_are_where_the_database_says(root: Path) -> None:
    table = source(root).table()
    assert table["sample_id"].tolist() == ["a1-1", "a1-2", "b2-3"]
    assert table[["x", "y"]].to_numpy().tolist() == [[100, 200], [325, 425.5], [50000, 60000]]
    assert table["label"].tolist() == [1, 0, 1]
    assert table["image"].tolist() == ["WSI/a1.svs", "WSI/a1.svs", "WSI/b2.svs"]
    assert table["slide"].tolist() == ["a1", "a1", "b2"]
    assert table["domain"].eq("mast").all()
    assert table["species"].eq("canine").all()
    assert "scanner" not in table


def test_classes_are_named_by_name_or_number(root: Path) -> None:
    named = source(root, positive=["Mitotic figure"], negative=["Look-alike"])
    assert named.table().equals(source(root).table())
    with pytest.raises(MitofmError, match=r"unknown class 'Mitotic figures'.*Did you mean 'Mitotic figure'"):
        source(root, positive=["Mitotic figures"]).table()


def test_a_class_that_the_config_does_not_name_is_an_error_unless_others_are_ignored(root: Path) -> None:
    with pytest.raises(MitofmError, match=r"mine\.sqlite: annotation 6: its class is '0', to which .* \(1 such"):
        source(root, ignored=["Granulocyte", "Tumor cell"]).table()
    with pytest.raises(MitofmError, match="no entry is of a class that the config names"):
        source(root, positive=[3], negative=[]).table()


def test_the_first_databases_know_no_deletion(tmp_path: Path) -> None:
    make(tmp_path / "databases" / "mine.sqlite", deleted=False)
    assert source(tmp_path).table()["sample_id"].tolist() == ["a1-1", "a1-2", "b2-3", "b2-4"]


def test_the_database_is_not_written_to(root: Path) -> None:
    path = root / "databases" / "mine.sqlite"
    before = path.read_bytes()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        source(root).table()
    finally:
        path.parent.chmod(0o755)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["mine.sqlite"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ((9, 5, 2, 0, [(1, 1)]), "annotation 9 has a slide that the table Slides does not list"),
        ((9, 1, 2, 0, []), "annotation 9 has no coordinates"),
    ],
)
def test_an_annotation_that_cannot_be_is_named(tmp_path: Path, cell: Any, message: str) -> None:
    make(tmp_path / "databases" / "mine.sqlite", [*CELLS, cell])
    with pytest.raises(MitofmError, match=message):
        source(tmp_path).table()


def test_a_file_that_is_no_such_database_is_named(root: Path) -> None:
    path = root / "databases" / "mine.sqlite"
    whole = path.read_bytes()
    path.write_bytes(b"<!DOCTYPE html><html>not found</html>" * 100)
    with pytest.raises(MitofmError, match=r"mine\.sqlite is not a database that can be read: .*Fetch it again"):
        source(root).table()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MitofmError, match=r"mine\.sqlite"):
        source(root).table()
    path.write_bytes(b"")
    with pytest.raises(MitofmError, match=r"mine\.sqlite is empty \(0 bytes\)"):
        source(root).table()
    path.unlink()
    with pytest.raises(MitofmError, match="'mine' is not here"):
        source(root).table()
    assert not path.exists()


def test_a_database_of_something_else_is_named_with_its_tables(root: Path) -> None:
    path = root / "databases" / "mine.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE Annotations_coordinates")
    with pytest.raises(
        MitofmError, match=r"lacks the table\(s\) Annotations_coordinates; it has: Annotations, Classes"
    ):
        source(root).table()


def test_missing_slides_and_domains_are_named(root: Path) -> None:
    with pytest.raises(MitofmError, match=r"2 of 2 image files are missing in .*: WSI/a1\.svs, WSI/b2\.svs"):
        source(root).prepare()
    with pytest.raises(MitofmError, match=r"no domain is known of a1\.svs and 1 other"):
        source(root, domains=[]).table()
