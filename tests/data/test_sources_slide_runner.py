"""SlideRunner databases, made here with samples at known places."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mitofm.data.sources.slide_runner import SlideRunner
from mitofm.ground.errors import MitofmError

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


def make(path: Path, samples: list[Any] = CELLS, deleted: bool = True) -> None:
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
        for uid, slide, agreed, gone, points in samples:
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


def tables(path: Path, **rows: list[dict[str, Any]]) -> None:
    """A database of these tables, each with the columns that its rows name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        for name, entries in rows.items():
            columns = list(dict.fromkeys(key for entry in entries for key in entry))
            database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            for entry in entries:
                values = [entry.get(column) for column in columns]
                database.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", values)
        database.commit()


def placed(path: Path, *slides: dict[str, Any], **more: list[dict[str, Any]]) -> None:
    """A database of `slides` with one mitotic figure in each, in the columns that TUPAC's has and the first ones lack."""
    numbers = range(1, len(slides) + 1)
    given = {
        "Slides": [{"uid": n, **slide} for n, slide in zip(numbers, slides, strict=True)],
        "Annotations": [{"uid": n, "slide": n, "type": 1, "agreedClass": 2} for n in numbers],
        "Annotations_coordinates": [{"coordinateX": n, "coordinateY": n, "annoId": n} for n in numbers],
        "Classes": [{"uid": uid, "name": name} for uid, name in CLASSES.items()],
    }
    tables(path, **(given | more))


def slides_of(path: Path, *slides: tuple[str | None, str], images: str = ".") -> dict[str, str]:
    """Image and slide of each of (directory, filename), as read."""
    placed(path / "databases" / "mine.sqlite", *({"filename": name, "directory": where} for where, name in slides))
    table = source(path, images=images).table()
    return dict(zip(table["image"], table["slide"], strict=True))


@pytest.mark.parametrize(
    ("slides", "read"),
    [
        ([("01", "01.tif"), ("02", "01.tif")], {"01/01.tif": "01-01", "02/01.tif": "02-01"}),
        ([("a\\01", "01.tif"), ("./a/02/", "01.tif")], {"a/01/01.tif": "a-01-01", "a/02/01.tif": "a-02-01"}),
        ([("01", "01.tif"), ("01", "02.tif")], {"01/01.tif": "01-01", "01/02.tif": "01-02"}),
        ([("E:\\TUPAC R\\B", "1.tif"), ("/Users/m/T", "2.tif"), ("E:/TUPAC R/B", "3.tif")],
         {"1.tif": "1", "2.tif": "2", "3.tif": "3"}),
        ([("E:\\T\\01", "1.tif"), ("E:/T/02", "1.tif")], {"01/1.tif": "01-1", "02/1.tif": "02-1"}),
        ([("/d/01/x", "1.tif"), ("/d/02/x", "1.tif")], {"01/x/1.tif": "01-x-1", "02/x/1.tif": "02-x-1"}),
        ([("C:", "1.tif"), ("D:", "1.tif")], {"C/1.tif": "C-1", "D/1.tif": "D-1"}),
        ([("//nas/a", "1.tif"), ("../b", "1.tif")], {"a/1.tif": "a-1", "b/1.tif": "b-1"}),
        ([(None, "1.tif"), ("", "2.tif"), (".", "3.tif"), ("None", "4.tif")],
         {"1.tif": "1", "2.tif": "2", "3.tif": "3", "4.tif": "4"}),
        ([(None, "/data/01/1.tif"), ("/data/02", "1.tif"), ("x", "/data/03/1.tif")],
         {"01/1.tif": "01-1", "02/1.tif": "02-1", "03/1.tif": "03-1"}),
        ([("/d/01", "1.tif"), ("/d/01/", "1.tif")], {"1.tif": "1"}),
    ],
)  # fmt: skip
def test_the_directory_of_a_slide_counts_as_far_as_it_must(tmp_path: Path, slides: Any, read: dict[str, str]) -> None:
    assert slides_of(tmp_path, *slides) == read


def test_slides_are_found_with_their_folder_and_without(tmp_path: Path) -> None:
    both = [("01", "01.tif"), ("02", "01.tif"), ("03", "77.tif")]
    for file in ("part_1/01/01.tif", "part_2/02/01.TIF", "77.tif"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = slides_of(tmp_path, *both)
    assert found == {"part_1/01/01.tif": "01-01", "part_2/02/01.TIF": "02-01", "77.tif": "03-77"}
    source(tmp_path, images=".").prepare()


def drawn(path: Path, *entries: tuple[int, int]) -> None:
    """A database of annotations of these (class, type), all in one slide."""
    numbers = range(1, len(entries) + 1)
    placed(
        path / "databases" / "mine.sqlite",
        {"filename": "a.svs"},
        Annotations=[
            {"uid": n, "slide": 1, "type": kind, "agreedClass": of}
            for n, (of, kind) in zip(numbers, entries, strict=True)
        ],
        Annotations_coordinates=[
            {"coordinateX": x, "coordinateY": 2 * x, "annoId": n} for n in numbers for x in (10 * n, 10 * n + 4)
        ],
    )


def test_spots_boxes_and_circles_are_samples_and_polygons_of_other_classes_are_passed_over(tmp_path: Path) -> None:
    drawn(tmp_path, (2, 1), (2, 2), (7, 4), (7, 5), (1, 3), (0, 3), (2, None))
    table = source(tmp_path).table()
    assert table["sample_id"].tolist() == ["a-1", "a-2", "a-3", "a-4", "a-7"]
    assert table[["x", "y"]].iloc[1].tolist() == [22, 44]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([(2, 3), (7, 3), (0, 4)], r"2 of its annotations of class 2 \(Mitotic figure\), 7 \(Look-alike\) are polygons "
         r"\(annotation 1; 2 such of 3 in all\), which are no samples.*data\.source\.polygons=drop"),
        ([(2, 1), (2, 3), (1, 3)], r"1 of its annotations of class 2 \(Mitotic figure\) are polygons \(annotation 2; 2 such"),
        ([(7, 6)], "1 of its annotations of class 7 .* are labels of whole images"),
    ],
)  # fmt: skip
def test_polygons_are_no_samples(tmp_path: Path, entries: Any, message: str) -> None:
    drawn(tmp_path, *entries)
    for settings in ({}, {"positive": ["Mitotic figure"], "negative": ["Look-alike"]}):
        with pytest.raises(MitofmError, match=message):
            source(tmp_path, **settings).table()


def test_polygons_may_be_dropped(tmp_path: Path) -> None:
    drawn(tmp_path, (2, 1), (2, 3), (7, 3))
    assert source(tmp_path, polygons="drop").table()["sample_id"].tolist() == ["a-1"]
    drawn(tmp_path / "all", (2, 3))
    with pytest.raises(MitofmError, match="it has no annotations: nothing is labelled in it"):
        source(tmp_path / "all", polygons="drop").table()
    with pytest.raises(MitofmError, match=r"unknown source\.polygons 'keep'.*There is: drop, error"):
        source(tmp_path, polygons="keep")


def voted(path: Path, *votes: tuple[int, int | None, int | None]) -> set[tuple[str, int, int]]:
    """(sample, votes_positive, votes) of two samples, of votes (annotation, person, class)."""
    labels = [{"annoId": of, "person": person, "class": said} for of, person, said in votes]
    slides = [{"filename": "a.svs"}, {"filename": "b.svs"}]
    placed(path / "databases" / "mine.sqlite", *slides, Annotations_label=labels)
    table = source(path).table()
    if "votes" not in table:
        return set()
    return set(table[["sample_id", "votes_positive", "votes"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("votes", "counted"),
    [
        ([(1, 1, 2), (1, 2, 7), (2, 1, 2)], {("a-1", 1, 2), ("b-2", 1, 1)}),
        ([(1, 1, 2), (1, 2, 1), (1, 3, 2), (2, 3, 3)], {("a-1", 2, 3), ("b-2", 0, 1)}),
        ([(1, 1, 2), (1, 2, 7), (2, 1, 2), (2, 1, 7)], {("a-1", 1, 2), ("b-2", 0, 1)}),  # the last word of a person
        ([(1, 1, 2), (1, 2, 0), (1, 3, None), (2, 2, 7)], {("a-1", 1, 1), ("b-2", 0, 1)}),  # no class is no vote
        ([(1, 1, 2), (2, 1, 7)], set()),  # one person's labels are the labels
        ([(1, 1, 2), (1, 2, 2)], set()),
        ([(1, 1, 2), (1, 2, 2), (2, 1, 0)], set()),
    ],
)
def test_what_persons_labelled_are_votes(tmp_path: Path, votes: Any, counted: set[Any]) -> None:
    assert voted(tmp_path, *votes) == counted


def test_a_class_that_nobody_agreed_on_changes_no_other(tmp_path: Path) -> None:
    drawn(tmp_path, (2, 1), (None, 1), (7, 1))  # type: ignore[arg-type]
    assert source(tmp_path).table()["label"].tolist() == [1, 0]


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_what_a_killed_program_left_beside_the_database_counts(tmp_path: Path, journal: str, read_only: bool) -> None:
    made, path = tmp_path / "made.sqlite", tmp_path / "databases" / "mine.sqlite"
    make(made)
    path.parent.mkdir()
    with closing(sqlite3.connect(made, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.execute("PRAGMA cache_spill = 1")
        if journal == "WAL":
            database.execute("UPDATE Annotations_coordinates SET coordinateX = 111 WHERE annoId = 1")
        else:  # half of a transaction is on the disk, and the journal that takes it back
            database.execute("PRAGMA cache_size = 1")
            database.execute("BEGIN")
            database.execute("DELETE FROM Annotations_coordinates")
            database.execute("CREATE TABLE filler (x)")
            database.executemany("INSERT INTO filler VALUES (?)", [("x" * 900,)] * 200)
        for ending in ("", "-wal", "-journal"):
            if (file := made.with_name(made.name + ending)).is_file():
                path.with_name(path.name + ending).write_bytes(file.read_bytes())
    reader, files = source(tmp_path), sorted(path.parent.iterdir())
    assert len(files) == 2
    assert sorted(reader.files()) == files
    if read_only:
        path.parent.chmod(0o555)
    try:
        x = reader.table()["x"].tolist()
    finally:
        path.parent.chmod(0o755)
    assert x == ([111 if journal == "WAL" else 100, 325, 50000])
    assert sorted(path.parent.iterdir()) == files


def test_a_database_in_wal_mode_stays_alone(root: Path) -> None:
    path = root / "databases" / "mine.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    before = path.read_bytes()
    source(root).table()
    assert [file.name for file in path.parent.iterdir()] == ["mine.sqlite"]
    assert path.read_bytes() == before


def test_a_table_of_cases_and_the_folder_databases(root: Path) -> None:
    (root / "cases.tsv").write_text("slide\ttumor\tscanner\nA1\tmast\tCS2\nb2.svs\tlung\tXR\n")
    cases = {"file": "cases.tsv", "image": "slide", "domain": "tumor", "scanner": "scanner"}
    reader = source(root, cases=cases, domains=[], spelling={"CS2": "Aperio CS2"})
    reader.file = ["mine.sqlite", "Databases/Mine.sqlite"]
    table = reader.table()
    assert table["domain"].tolist() == ["mast", "mast", "lung"]
    assert table["scanner"].tolist() == ["Aperio CS2", "Aperio CS2", "XR"]


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ((9, 5, 2, 0, [(1, 1)]), "annotation 9 has a slide that the table Slides does not list"),
        ((9, 1, 2, 0, []), "annotation 9 has no coordinates"),
    ],
)
def test_an_annotation_that_cannot_be_is_named(tmp_path: Path, sample: Any, message: str) -> None:
    make(tmp_path / "databases" / "mine.sqlite", [*CELLS, sample])
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
