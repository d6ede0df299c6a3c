"""What leaves this machine holds no folder of it, and names of slides and samples only if the user lets them go."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from ..conftest import QUICK

Typed = Callable[..., tuple[str, str]]
MARK = "ward-seven-of-hospital"
TISSUE = (
    "data.source.domains=[canine lymphoma,human melanoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=12",
    "protocol.validation_samples=10",
    "protocol.validation_samples_per_class=3",
)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name must not leave this machine, for the first test that asks to fill. Not to be changed."""
    return tmp_path_factory.mktemp("learned") / MARK


@pytest.fixture
def marked(learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Typed) -> Path:
    """A copy of a home with a study whose split is a file there, below a folder whose name must not leave this machine."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    if not learned.exists():
        (learned / "my files").mkdir(parents=True)
        move_to(learned, monkeypatch)
        train_study(learned, typed)
    home = Path(shutil.copytree(learned, tmp_path / MARK))
    move_to(home, monkeypatch)
    return home


def move_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runs", "cache", "weights"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(home / name))
    monkeypatch.chdir(home)


def train_study(home: Path, typed: Typed) -> None:
    typed("prepare", "data=synthetic", *TISSUE[:3])
    table = pd.read_parquet(next((home / "cache" / "patches").rglob("*.parquet")))
    slides = sorted(table["slide"].unique())
    parts = ["train", "train", "validation", "test", "test", "test"] * 2
    pd.DataFrame({"slide": slides, "part": parts}).to_csv(home / "my files" / "split.csv", index=False)
    cell = ("backbone=toy_vit_p16", *TISSUE, *QUICK)
    typed("train", "-m", "adaptation=linear_probe,full", "study=s", *cell, "logger=default")
    typed("train", "split=file", f"split.file='{home}/my files/split.csv'", "adaptation=linear_probe", "study=s", *cell)


def test_no_folder_leaves_this_machine(marked: Path, typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    typed("report", "study=s", f"out={out}/report", "logger=default")
    typed("bundle", "s", f"output={out}/s.zip", f"note='mitofm train --config-dir {marked}/my_configs'")
    cell = next((marked / "runs" / "cells").glob("*linear_probe*")).name
    for ending in ("csv", "parquet", "geojson"):
        typed("predict", cell, "data=synthetic", *TISSUE[:3], QUICK[2], QUICK[3], f"output={out}/scores.{ending}")
    typed("export", cell, "format=safetensors", f"output={out}/model")
    sent = [marked / "runs" / "wandb", out, *marked.glob("runs/cells/*/checkpoint")]
    found = {name for folder in sent for name, content in read_all(folder) if MARK.encode() in content}
    assert not found


def read_all(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that leaves the machine, those in archives and compressed streams unpacked. W&B's own logs stay."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or "logs" in file.parts or file.name.startswith("debug"):
            continue
        yield str(file), file.read_bytes()
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                yield from ((f"{file}/{name}", archive.read(name)) for name in archive.namelist())
        if file.suffix == ".parquet":
            yield f"{file} as text", pd.read_parquet(file).to_csv().encode()
        if file.suffix == ".pdf":
            yield f"{file} unpacked", b"".join(inflate(file.read_bytes()))


def inflate(content: bytes) -> Iterator[bytes]:
    """The compressed streams of a PDF."""
    for part in content.split(b"stream\n")[1:]:
        try:
            yield zlib.decompressobj().decompress(part)
        except zlib.error:
            continue


def test_names_leave_only_if_the_user_lets_them_go(
    marked: Path, typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = marked / "runs" / "cells"
    (failed,) = (one for one in cells.iterdir() if "-file-" in one.name)
    names = set()
    for file in cells.glob("*/*.parquet"):
        table = pd.read_parquet(file)
        names |= set(table["slide"]) | set(table["sample_id"])
    assert len(names) > 100
    (failed / "DONE").rename(failed / "FAILED")
    next(cells.glob("*linear_probe*/DONE")).write_text("")
    (failed / "FAILED").write_text(f"Traceback\nmitofm.MitofmError: {min(names)}.svs of Mrs Smith is damaged\n")
    bundles = {}
    for anonymise in ("false", "true"):
        bundles[anonymise] = tmp_path / anonymise / "s.zip"
        said, also = typed("bundle", "s", f"output={bundles[anonymise]}", f"anonymise={anonymise}")
        assert "study s: 2 of 3 cells are finished (1 failed)" in also
        assert "study s: 1 of 3 cells are unchecked" in also
    slides = len({name for name in names if name.rpartition("_")[2].isdigit() and "-" not in name})
    assert f"{len(names) - slides} of samples, {slides} of slides" in said

    leaked = [(file, name) for file, content in read_all(bundles["true"].parent) for name in (*names, MARK, "Smith")
              if name.encode() in content]  # fmt: skip
    assert not leaked
    assert any(max(names).encode() in content for _, content in read_all(bundles["false"].parent))

    packed = {}
    for anonymise, file in bundles.items():
        with zipfile.ZipFile(file) as archive:
            packed[anonymise] = {name: archive.read(name) for name in archive.namelist()}
    plain, neutral = packed.values()
    assert plain.keys() == neutral.keys()
    tables = [name for name in plain if name.startswith("report/tables") and name.endswith(".csv")]
    named = {f"report/tables/{name}.csv" for name in ("synthetic/counts_by_slide", "synthetic/mistakes", "unfinished")}
    assert len(tables) > 10
    assert named < set(tables)
    for name in set(tables) - named:
        assert neutral[name] == plain[name], name
    mistakes = [pd.read_csv(io.BytesIO(one["report/tables/synthetic/mistakes.csv"])) for one in (plain, neutral)]
    pd.testing.assert_frame_equal(*(one.drop(columns=["cell", "slide"]) for one in mistakes))
    for name in (name for name in plain if name.endswith("predictions.parquet")):
        one, other = (pd.read_parquet(io.BytesIO(of[name])) for of in (plain, neutral))
        pd.testing.assert_frame_equal(
            one.drop(columns=["sample_id", "slide"]), other.drop(columns=["sample_id", "slide"])
        )
        assert one.groupby("slide").size().tolist() == other.groupby("slide").size().tolist()
        assert other["slide"].str.fullmatch(r"slide_\d{3}").all()

    said, _ = typed("report", f"bundle={bundles['true']}", f"out={tmp_path}/opened")
    assert "all as packed" in said
    assert "neutral ones" in said
    said, _ = typed("check", "study=s", bundles["true"])
    assert "bundles                 1          0          0" in said
    with zipfile.ZipFile(bundles["true"]) as archive:
        archive.extractall(tmp_path / "unpacked")
    done = next(one.parent for one in (tmp_path / "unpacked" / "cells").glob("*/DONE"))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        typed("verify", done)
    assert "verify the cell where it was trained" in capsys.readouterr().err


def test_a_name_that_would_be_left_stops_the_bundle(
    marked: Path, typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slide = pd.read_parquet(next((marked / "runs" / "cells").glob("*/split.parquet")))["slide"].iloc[0]
    with pytest.raises(SystemExit):
        typed("bundle", "s", f"output={tmp_path}/s.zip", "anonymise=true", f"note='of {slide}.svs'")
    assert f"note would hold '{slide}'" in capsys.readouterr().err
    assert not (tmp_path / "s.zip").exists()
