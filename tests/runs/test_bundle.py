"""A bundle: equal content is equal bytes, any other byte is refused, and nothing leaves the folder it is opened into."""

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mitofm.ground.errors import MitofmError
from mitofm.runs.books import studies
from mitofm.runs.bundle import pack, unpack
from mitofm.runs.collect import collect


def study(folder: Path) -> tuple[Path, Path]:
    """A study of two cells, one finished, and its report."""
    runs, report = folder / "runs", folder / "report"
    for name, content in {
        "studies/s/cells.csv": "cell\na\nb\nnever\n",
        "studies/s/ends.csv": "a,DONE,1\n",
        "cells/a/DONE": "",
        "cells/a/metrics.json": "{}\n",
        "cells/a/checkpoint/trained.safetensors": "weights",
        "cells/a/log.txt": "process 1 on somebody's machine",
        "cells/b/FAILED": "Traceback",
        "cells/other/DONE": "",
    }.items():
        (runs / name).parent.mkdir(parents=True, exist_ok=True)
        (runs / name).write_text(content)
    (report / "tables" / "ami").mkdir(parents=True)
    (report / "report.html").write_text("<html>" + "numbers " * 200)
    (report / "tables" / "ami" / "results.csv").write_text("auroc\n0.8\n")
    return runs, report


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    pack(study(folder)[0], "s", folder / "report", folder / "s.zip")
    return folder / "s.zip"


def test_where_folders_lay_stays_at_home(tmp_path: Path) -> None:
    runs, report = study(tmp_path)
    home = tmp_path / "home"
    (runs / "cells" / "a" / "config.yaml").write_text(
        f"data: {{root: {home}/data/mf}}\npaths: {{data: {home}/data, runs: {home}/data/runs, weights: weights}}\n"
    )
    pack(runs, "s", report, tmp_path / "s.zip")
    unpack(tmp_path / "s.zip", tmp_path / "opened")
    told = (tmp_path / "opened" / "cells" / "a" / "config.yaml").read_text()
    assert told == "data: {root: data/mf}\npaths: {data: data, runs: runs, weights: weights}\n"


def test_a_traceback_names_no_folder_of_a_person(tmp_path: Path) -> None:
    runs, report = study(tmp_path)
    told = f'Traceback\n  File "{tmp_path}/mitofm/a.py", line 3\nMitofmError: {tmp_path}/Smith/slide.svs is damaged\n'
    (runs / "cells" / "b" / "FAILED").write_text(told)
    pack(runs, "s", report, tmp_path / "s.zip")
    unpack(tmp_path / "s.zip", tmp_path / "opened")
    left = (tmp_path / "opened" / "cells" / "b" / "FAILED").read_text()
    assert left == 'Traceback\n  File "a.py", line 3\nMitofmError: slide.svs is damaged\n'
    reasons = [collect(place, "s").cells.set_index("cell")["reason"]["b"] for place in (runs, tmp_path / "opened")]
    assert reasons == ["MitofmError: slide.svs is damaged"] * 2


def test_what_was_planned_and_not_started_goes_with_it_and_asking_again_changes_no_byte(tmp_path: Path) -> None:
    runs, report = study(tmp_path)
    studies.note_grid(
        runs, "s", {"data.source.root": str(tmp_path)}, {"split.file": [f"{tmp_path}/a.csv"], "seed": ["1", "2"]}
    )
    for name in ("one.zip", "again.zip"):
        chosen = {"data.source.root": str(tmp_path), "split.file": f"{tmp_path}/a.csv", "seed": "1"}
        studies.enlist(runs, "s", "a", chosen)
        pack(runs, "s", report, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()
    unpack(tmp_path / "one.zip", tmp_path / "opened")
    assert studies.read(tmp_path / "opened", "s").not_started() == (["split.file=a.csv, seed=2"], 2)


def test_what_goes_in_comes_out_and_nothing_else(packed: Path, tmp_path: Path) -> None:
    opened = unpack(packed, tmp_path)
    assert opened.study == "s"
    inside = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert inside == {
        "bundle.json",
        "studies/s/cells.csv",
        "cells/a/DONE",
        "cells/a/metrics.json",
        "cells/b/FAILED",
        "report/report.html",
        "report/tables/ami/results.csv",
    }
    for name in inside - {"bundle.json"}:
        of = packed.parent if name.startswith("report") else packed.parent / "runs"
        assert (tmp_path / name).read_bytes() == (of / name).read_bytes()


def test_equal_content_is_equal_bytes(packed: Path, tmp_path: Path) -> None:
    runs, report = study(tmp_path)
    digest = pack(runs, "s", report, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()
    assert digest == hashlib.sha256(packed.read_bytes()).hexdigest()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_changed_bit_is_refused(packed: Path, tmp_path: Path, place: float, bit: int) -> None:
    content = bytearray(packed.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    changed = tmp_path / "changed.zip"
    changed.write_bytes(content)
    with pytest.raises(MitofmError, match="a byte of it has changed"):
        unpack(changed, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("cut", [0, 1, 63, 64, 65, 1000])
def test_what_is_cut_off_is_refused(packed: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut.zip").write_bytes(packed.read_bytes()[: -cut - 1])
    with pytest.raises(MitofmError, match="changed"):
        unpack(tmp_path / "cut.zip", tmp_path / "into")


def forged(path: Path, members: dict[str, bytes], mode: int = stat.S_IFREG | 0o644, sums: bool = True) -> Path:
    """An archive whose checksums are all right."""
    listed = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, **({"SHA256SUMS": listed.encode()} if sums else {})}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
        archive.comment = b"0" * 64
    content = path.read_bytes()[:-64]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return path


FACTS = {"bundle.json": b'{"format": 1, "study": "s", "made_with": "0"}'}


@pytest.mark.parametrize(
    "name",
    [
        "../out.csv",
        "/tmp/out.csv",
        "cells/../../DONE",
        "cells/./DONE",
        "report/../../x.html",
        "report/a/../../../x.html",
        "C:/x.csv",
        "cells\\a\\DONE",
        "cells/a/x.pkl",
        "cells/a/checkpoint/trained.safetensors",
        "report/crop.jpg",
        "report/x.html/",
    ],
)
def test_a_path_of_no_bundle_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(MitofmError, match="not part of a bundle"):
        unpack(forged(tmp_path / "x.zip", FACTS | {name: b"x"}), tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zip"]


def test_links_doubles_strangers_and_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, match: str) -> None:
        with pytest.raises(MitofmError, match=match):
            unpack(path, tmp_path / "into")
        assert not (tmp_path / "into").exists()

    link = forged(tmp_path / "link.zip", FACTS | {"report/x.html": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    refused(link, "not part of a bundle")
    refused(forged(tmp_path / "no.zip", FACTS, sums=False), "cannot be opened")
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report/x.html", "a")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("report/x.html", "b")
        archive.comment = b"0" * 64
    content = path.read_bytes()[:-64]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    refused(path, "twice")
    listed = f"{'0' * 64}  bundle.json\n"
    members = FACTS | {"report/x.html": b"x", "SHA256SUMS": listed.encode()}
    refused(forged(tmp_path / "more.zip", members, sums=False), "does not list")
    monkeypatch.setattr("mitofm.runs.bundle._MOST_BYTES", 10)
    refused(forged(tmp_path / "large.zip", FACTS), "too large")
    monkeypatch.undo()
    wrong = forged(tmp_path / "wrong.zip", FACTS | {"SHA256SUMS": listed.encode()}, sums=False)
    with pytest.raises(MitofmError, match="is not the file that SHA256SUMS lists"):
        unpack(wrong, tmp_path / "other")
    with pytest.raises(MitofmError, match="cannot be opened"):
        unpack(tmp_path / "absent.zip", tmp_path / "into")


def test_what_unpacks_a_thousandfold_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w") as archive:
        for name, data in (FACTS | {"report/x.html": bytes(120_000_000)}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = (stat.S_IFREG | 0o644) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        archive.comment = b"0" * 64
    content = (tmp_path / "bomb.zip").read_bytes()[:-64]
    (tmp_path / "bomb.zip").write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    assert len(content) < 200_000
    with pytest.raises(MitofmError, match=r"would unpack to 0\.1 GB"):
        unpack(tmp_path / "bomb.zip", tmp_path / "into")
    assert not (tmp_path / "into").exists()
