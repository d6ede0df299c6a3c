"""Copies of a trained checkpoint that tests alter, and the command that must refuse them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from mitofm.ground import fingerprints

TISSUE = ["data=synthetic", "data.source.domains=[canine lymphoma,human melanoma]", "data.source.slides_per_domain=6",
          "data.source.cells_per_slide=12", "trainer.threads=1", "trainer.accelerator=cpu"]  # fmt: skip
Typed = Callable[..., tuple[str, str]]


def altered(tried: Path, to: Path, mode: str = "lora") -> Path:
    return Path(shutil.copytree(next(tried.glob(f"*-{mode}-*")) / "checkpoint", to))


def retensored(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Other tensors, with a description that says they are right."""
    save_file(tensors, folder / "trained.safetensors")
    edited(folder, tensors_sha256=fingerprints.of_file(folder / "trained.safetensors"))


def edited(folder: Path, **facts: object) -> None:
    path = folder / "checkpoint.json"
    kept = {key: value for key, value in json.loads(path.read_text()).items() if key != "checksum"}
    path.write_text(json.dumps(kept | facts))


def refused(typed: Typed, capsys: pytest.CaptureFixture[str], folder: Path | str, *more: str) -> str:
    with pytest.raises(SystemExit) as ended:
        typed("predict", folder, *TISSUE, *more)
    assert ended.value.code not in (0, None)
    return capsys.readouterr().err


def few_of(tried: Path, to: Path) -> str:
    table = pd.read_parquet(next(tried.glob("*-lora-*")) / "predictions.parquet")
    table.head(2).to_csv(to / "few.csv", index=False)
    return f"samples={to}/few.csv"
