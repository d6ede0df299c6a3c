import os
from pathlib import Path

from mitofm.ground.fingerprints import Remembered, of


def test_key_order_does_not_matter_and_types_do() -> None:
    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})
    assert of(1) != of(1.0) != of("1")


def test_a_known_file_is_not_opened_and_a_changed_one_is(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    remembered = Remembered(tmp_path / "cache")
    first = remembered.file(file)
    calls = []
    assert remembered.get("sha256", [file], lambda: calls.append(1) or "other") == first
    assert not calls
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert remembered.file(file) != first


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    remembered = Remembered(tmp_path / "cache")
    first = remembered.file(file)
    for entry in (tmp_path / "cache").iterdir():
        entry.write_text("{")
    assert remembered.file(file) == first


def test_where_nothing_can_be_remembered_it_is_computed(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    assert Remembered(file / "cache").file(file) == Remembered(tmp_path / "cache").file(file)
