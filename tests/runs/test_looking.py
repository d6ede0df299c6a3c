"""What is remembered of finished cells is asked anew once a file of theirs has changed."""

import os
from pathlib import Path

from mitofm.runs import status, sums
from mitofm.runs.books import studies
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.looking import look


def make_cell(runs: Path, name: str = "cell-0123456789ab") -> Path:
    folder = CellFolder(runs, name)
    folder.path.mkdir(parents=True)
    (folder.path / "metrics.json").write_text("{}")
    (folder.path / "search").mkdir()
    (folder.path / "search" / "trial.json").write_text("{}")
    folder.mark(State.DONE, sums.take(folder.path))
    studies.note_end(runs, "mine", name, State.DONE, fitted=True)
    return folder.path


def test_status_names_what_was_damaged_after_it_was_found_whole(tmp_path: Path) -> None:
    runs, cache = tmp_path / "runs", tmp_path / "cache"
    cell = make_cell(runs)
    assert not [line for line in status.tabulate(runs, "mine", cache) if "damaged" in line]
    noted = next((cache / "noted").iterdir())
    for file in (cell / "search" / "trial.json", cell / "metrics.json"):
        before = file.stat().st_mtime_ns
        file.write_text("[]")  # of the same size
        os.utime(file, ns=(before + 1, before + 1))
        assert [line for line in status.tabulate(runs, "mine", cache) if line.startswith("damaged")]
    (cell / "search" / "trial.json").write_text("{}")
    (cell / "metrics.json").write_text("{}")
    noted.write_text(noted.read_text().replace("true", "false"))  # damaged, and made again
    assert not [line for line in status.tabulate(runs, "mine", cache) if "damaged" in line]


def test_a_link_is_odd_and_the_log_and_the_checkpoint_are_not_looked_at(tmp_path: Path) -> None:
    cell = make_cell(tmp_path)
    before = look(str(cell))
    assert before.state is State.DONE
    assert not before.odd
    assert set(before.files) == {"DONE", "metrics.json", "search/trial.json"}
    (cell / "log.txt").write_text("it goes on")
    (cell / "checkpoint").mkdir()
    assert look(str(cell)) == before
    (cell / "link").symlink_to(cell / "DONE")
    assert look(str(cell)).odd
    (tmp_path / "linked").symlink_to(cell)
    assert look(str(tmp_path / "linked")).odd
    assert look(str(tmp_path / "absent")).state is None
