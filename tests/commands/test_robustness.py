from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mitofm.commands.composing.several import split
from mitofm.commands.robustness import main
from mitofm.ground.errors import MitofmError
from mitofm.runs.robustness import read_records

from ..conftest import QUICK

TISSUE = (
    "data.source.domains=[canine lymphoma,human melanoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=12",
)


def test_arguments_are_split_by_each_combination() -> None:
    assert split(["x=1,2", "a=p,q", "b=r,s"], "a", "b") == [
        ["x=1,2", "a=p", "b=r"], ["x=1,2", "a=p", "b=s"], ["x=1,2", "a=q", "b=r"], ["x=1,2", "a=q", "b=s"],
    ]  # fmt: skip
    assert split(["x=1,2"], "a") == [["x=1,2"]]


def test_backbones_are_measured_kept_and_read_from_the_cache(
    home: Path, typed: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = [
        "robustness",
        "backbone=toy_vit_p16,nano",
        "by=[domain]",
        "k=[3,5]",
        "pairs=2",
        "drop=true",
        *TISSUE,
        *QUICK,
    ]
    monkeypatch.setenv("COLUMNS", "200")
    printed, _ = typed(*words, f"out={tmp_path / 'found.csv'}")
    assert "Robustness of frozen embeddings" in printed
    found = pd.read_csv(tmp_path / "found.csv")
    assert found["model"].tolist() == ["toy_vit_p16 (random weights)", "nano"]
    assert (found["robustness_index_low"] < found["robustness_index"]).all()
    assert found["performance_drop_no_interval"].str.startswith("too few slides").all()
    assert found["levels"].tolist() == ["canine lymphoma; human melanoma"] * 2
    assert {record.backbone for record in read_records(home / "runs")} == {"toy_vit_p16", "nano"}
    monkeypatch.setattr("mitofm.training.frozen.build", None)  # nothing is computed again
    typed(*words, f"out={tmp_path / 'again.parquet'}")
    again = pd.read_parquet(tmp_path / "again.parquet")
    assert again["croma"].tolist() == pytest.approx(found["croma"].tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("k=[4]", r"k=\[4\]: give odd numbers of neighbours"),
        ("k=[]", r"k=\[\]: give odd numbers"),
        ("out=found.txt", r"found.txt: give a file that ends with .csv or .parquet"),
        ("by=[laboratory]", "does not state the laboratory of its samples; it has: sample_id"),
        ("pairs=500", "0 value"),
        ("adaptation=lora", "take a frozen mode"),
    ],
)
@pytest.mark.usefixtures("typed")
def test_what_cannot_be_measured_is_refused_before_anything_is_computed(
    word: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitofm.training.extraction.extract", None)
    with pytest.raises(MitofmError, match=told):
        main(["backbone=toy_vit_p16", *TISSUE, *QUICK, word])
