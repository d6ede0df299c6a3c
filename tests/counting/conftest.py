"""Slides to count on, and a command that counts on them with a cell of the shared study."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from mitofm.ground import seeds
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.tissue import Region, render

MPP = 0.25
QUICK = ("trainer.threads=1", "trainer.accelerator=cpu", "trainer.progress=false")


def write_tiff(path: Path, pixels: np.ndarray, mpp: float | None = MPP, tile: int = 256) -> Path:
    """A tiled TIFF of these pixels."""
    stated = {} if mpp is None else {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(tile, tile), compression="deflate", **stated)
    return path


@pytest.fixture(scope="session")
def region() -> Region:
    """Tissue of a seed that no cell was trained on."""
    name = "canine lymphoma"
    domain = DOMAINS[name]
    return render(seeds.stream(7, "count", name), domain, SCANNERS[domain.scanners[0]], 40, 0.6)


@pytest.fixture(scope="session")
def slides(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two slides: tissue in the middle of glass, and a mirrored one. Not to be changed."""
    folder = tmp_path_factory.mktemp("slides")
    for name, tissue in (("one", region.image), ("two", region.image[:, ::-1])):
        glass = np.full((1000, 1300, 3), 243, np.uint8)
        glass[100 : 100 + len(tissue), 300 : 300 + len(tissue)] = tissue
        write_tiff(folder / f"{name}.tif", glass)
    return folder


@pytest.fixture
def count(typed: Callable[..., tuple[str, str]], tried: Path) -> Callable[..., str]:
    """Types `mitofm count` with a cell of study `tried`; gives what it printed."""

    def command(*words: str | Path, cell: str = "linear_probe") -> str:
        return typed("count", cell, *QUICK, *words)[0]

    return command


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that asks leaves the counts of both slides."""
    return tmp_path_factory.mktemp("counted") / "out"


@pytest.fixture
def both(counted: Path, count: Callable[..., str], slides: Path) -> Path:
    """The folder with the counts of both slides. Not to be changed."""
    if not counted.exists():
        count(f"slides={slides}", f"output={counted}")
    return counted


def read_all(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def copy(folder: Path, to: Path) -> Path:
    """A copy of a folder, to be changed."""
    return Path(shutil.copytree(folder, to))
