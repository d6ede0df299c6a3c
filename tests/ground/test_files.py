from pathlib import Path

import pytest

from mitofm.ground.files import read_json, replacing, write_json


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "a" / "x.txt"
    with pytest.raises(OSError, match="full"), replacing(target) as temporary:
        raise OSError(f"disk full after {temporary.write_text('half')} characters")
    assert not target.exists()
    assert list(target.parent.iterdir()) == []


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"a": float("nan")})
    assert read_json(target) == {"a": 1}
