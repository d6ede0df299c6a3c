import subprocess
import sys
from pathlib import Path

import pytest

from mitofm.ground import files
from mitofm.ground import processes as processes_of
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import guarding, holds, is_abandoned, move, read_json, remember, remove, replacing, write_json


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "a" / "x.txt"
    with pytest.raises(OSError, match="full"), replacing(target) as temporary:
        raise OSError(f"disk full after {temporary.write_text('half')} characters")
    assert not target.exists()
    assert list(target.parent.iterdir()) == []


def test_a_guarded_folder_is_left_alone_once_its_lock_is_lost(tmp_path: Path) -> None:
    lost: list[str] = []

    def require() -> None:
        if lost:
            raise MitofmError("lost")

    inside, outside = tmp_path / "cell" / "x.json", tmp_path / "other" / "x.json"
    with guarding(tmp_path / "cell", require):
        write_json(inside, {"a": 1})
        lost.append("now")
        write_json(outside, {"a": 2})
        assert holds(outside)
        assert not holds(inside)
        for change in (lambda: write_json(inside, {"a": 3}), lambda: remove(inside), lambda: move(outside, inside)):
            with pytest.raises(MitofmError, match="lost"):
                change()
    assert read_json(inside) == {"a": 1}
    assert [file.name for file in inside.parent.iterdir()] == ["x.json"]
    remove(inside)
    assert not inside.exists()


def test_processes_of_one_number_do_not_write_into_one_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "x") as one, replacing(tmp_path / "x") as other:
        assert one != other
        one.touch()
        other.touch()


HALF = """
import sys, time
from pathlib import Path
from mitofm.ground.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_half_written_is_removed_by_the_next_that_writes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", HALF, str(tmp_path / name)], stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    try:
        dead, alive = (Path(process.stdout.readline().strip()) for process in processes if process.stdout)
        processes[0].kill()
        processes[0].wait()
        assert is_abandoned(dead)
        assert not is_abandoned(alive)
        monkeypatch.setattr(processes_of, "name_machine", lambda: "another machine")
        write_json(tmp_path / "x.json", {})
        assert dead.exists()  # who knows what runs there
        monkeypatch.undo()
        files._swept.clear()
        write_json(tmp_path / "x.json", {})
        assert {file.name for file in tmp_path.iterdir()} == {alive.name, "x.json"}
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_json_nested_too_deep_is_a_value_error(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a":' * 200_000)  # Python 3.13 reads 2,000
    with pytest.raises(ValueError, match="nested too deep"):
        read_json(tmp_path / "x.json")


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"a": float("nan")})
    assert read_json(target) == {"a": 1}


@pytest.mark.parametrize("result", [{"low": 0.1, "all": [1, 2.5, None]}, "ab12", 3])
def test_what_is_kept_is_computed_again_if_a_digit_changed_or_it_is_another_entry(
    tmp_path: Path, result: object
) -> None:
    entry, other = tmp_path / "a.json", tmp_path / "b.json"

    def get() -> object:
        return remember(entry, "result", lambda: result, of="a")

    assert get() == remember(entry, "result", lambda: "computed again", of="a") == result
    remember(other, "result", lambda: 0.2)
    whole = entry.read_bytes()
    for at, byte in enumerate(whole):
        if chr(byte).isdigit():
            entry.write_bytes(whole[:at] + str((int(chr(byte)) + 1) % 10).encode() + whole[at + 1 :])
            assert get() == result
    for content in (other.read_bytes(), b"", whole[: len(whole) // 2], b'{"result": 9}'):
        entry.write_bytes(content)
        assert get() == result
        assert entry.read_bytes() == whole
