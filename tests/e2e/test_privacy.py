"""What leaves this machine holds no folder of it, and names of slides and samples only if the user lets them go."""

from __future__ import annotations

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


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Typed) -> Path:
    """A home below a folder whose name must not leave this machine, with a study whose split is a file there."""
    home = tmp_path / MARK
    (home / "my files").mkdir(parents=True)
    for name in ("data", "runs", "cache", "weights"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(home / name))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(home)
    typed("prepare", "data=synthetic", *TISSUE[:3])
    table = pd.read_parquet(next((home / "cache" / "patches").rglob("*.parquet")))
    slides = sorted(table["slide"].unique())
    parts = ["train", "train", "validation", "test", "test", "test"] * 2
    pd.DataFrame({"slide": slides, "part": parts}).to_csv(home / "my files" / "split.csv", index=False)
    learned = ("backbone=toy_vit_p16", *TISSUE, *QUICK)
    typed("train", "-m", "adaptation=linear_probe,full", "study=s", *learned, "logger=default")
    typed(
        "train", "split=file", f"split.file='{home}/my files/split.csv'", "adaptation=linear_probe", "study=s", *learned
    )
    return home


def test_no_folder_leaves_this_machine(marked: Path, typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    typed("report", "study=s", f"out={out}/report", "logger=default")
    typed("bundle", "s", f"output={out}/s.zip", f"note='mitofm train --config-dir {marked}/my_configs'")
    cell = next((marked / "runs" / "cells").glob("*linear_probe*")).name
    for ending in ("csv", "parquet", "geojson"):
        typed("predict", cell, "data=synthetic", *TISSUE[:3], QUICK[2], QUICK[3], f"output={out}/scores.{ending}")
    sent = [marked / "runs" / "wandb", out]
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
