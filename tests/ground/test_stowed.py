from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.ground.stowed import fetch, stow

PLAIN = {"names": ["a", "\N{GREEK SMALL LETTER MU}"], "number": 0.1, "none": None}


def test_what_is_stowed_is_fetched(tmp_path: Path) -> None:
    stow(tmp_path / "new" / "entry", PLAIN, b"\0\xff")
    assert fetch(tmp_path / "new" / "entry") == (PLAIN, b"\0\xff")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["entry"]


def test_what_is_damaged_cut_off_or_moved_counts_as_absent(tmp_path: Path) -> None:
    stow(entry := tmp_path / "entry", PLAIN, b"12345678")
    whole = entry.read_bytes()
    assert fetch(entry.rename(tmp_path / "other")) is None
    for place in range(len(whole)):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert fetch(entry) is None, place
        entry.write_bytes(whole[:place])
        assert fetch(entry) is None, place
    assert fetch(tmp_path / "never") is None


def test_what_json_cannot_hold_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        stow(tmp_path / "entry", {"set": {1}})
    assert not list(tmp_path.iterdir())
