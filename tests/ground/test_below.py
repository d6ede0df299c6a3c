"""No link below a closed folder is followed; the folder itself may be one."""

import os
from pathlib import Path

import pytest

from mitofm.ground import below, files
from mitofm.ground.below import Outside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A closed folder, reached by a link that its owner made, beside one with a secret."""
    (tmp_path / "disk" / "inside").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "facts.json").write_text('{"secret": 1}')
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    below.close(tmp_path / "runs")
    return tmp_path / "runs"


def test_what_lies_inside_is_read_and_written(root: Path) -> None:
    files.write_json(root / "inside" / "facts.json", {"a": 1})
    assert files.read_json(root / "inside" / "facts.json") == {"a": 1}
    assert files.read_json(root.resolve() / "inside" / "facts.json") == {"a": 1}
    assert below.check(root / "not" / "yet" / "there") == root / "not" / "yet" / "there"


@pytest.mark.parametrize("way", ["file", "folder", "dots", "resolved"])
def test_what_leads_out_is_neither_read_nor_written_nor_deleted(root: Path, way: str) -> None:
    elsewhere = root.parent / "elsewhere"
    (root / "inside" / "link.json").symlink_to(elsewhere / "facts.json")
    (root / "link").symlink_to(elsewhere)
    path = {
        "file": root / "inside" / "link.json",
        "folder": root / "link" / "facts.json",
        "dots": root / ".." / "elsewhere" / "facts.json",
        "resolved": root.resolve() / "link" / "facts.json",
    }[way]
    for touch in (files.read_json, files.remove, lambda file: files.write_text(file, "x")):
        with pytest.raises(Outside, match="leads out of" if way == "dots" else "is a link, and no link in"):
            touch(path)
    assert not below.is_inside(path)
    assert [file.name for file in elsewhere.iterdir()] == ["facts.json"]
    assert (elsewhere / "facts.json").read_text() == '{"secret": 1}'


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "facts.json")
    with pytest.raises(Outside, match="a pipe"):
        files.read_json(root / "facts.json")


def test_the_innermost_closed_folder_counts(root: Path) -> None:
    (root / "cache").symlink_to(root.parent / "elsewhere")
    below.close(root / "cache")  # paths.cache=runs/cache, on another disk
    assert files.read_json(root / "cache" / "facts.json") == {"secret": 1}
