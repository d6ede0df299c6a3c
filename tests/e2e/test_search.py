"""`mitofm train -m hydra/sweeper=search`: a search over learning rates ends with the best trial, and never looks at test samples."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mitofm.synthesis.generate import ANNOTATIONS

from .. import forked
from ..conftest import QUICK, TISSUE

pytest.importorskip("optuna")
CELL = (
    *TISSUE,
    *QUICK,
    "backbone=toy_vit_p16",
    "adaptation=bitfit",
    "protocol.validation_samples=10",
    "protocol.validation_samples_per_class=3",
    "fit.min_steps=8",
)
SEARCH = (
    "train",
    "-m",
    "hydra/sweeper=search",
    "hydra.sweeper.n_trials=3",
    "adaptation.lr=tag(log,interval(1e-4,1e-1))",
)


def read(runs: Path) -> dict[str, Any]:
    (file,) = runs.glob("studies/*/search-*.json")
    return json.loads(file.read_text())


def read_metrics(runs: Path, trial: dict[str, Any]) -> dict[str, Any]:
    (cell,) = trial["cells"]
    return json.loads((runs / "cells" / cell / "metrics.json").read_text())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searched")


@pytest.fixture
def search(place: Path, typed: Callable[..., tuple[str, str]]) -> Callable[..., str]:
    """Searches into the folder `runs` beside others; gives what was told."""

    def run(runs: str, *more: str) -> str:
        where = [f"paths.data={place / 'data'}", f"paths.cache={place / 'cache'}", f"paths.runs={place / runs}"]
        return "".join(typed(*SEARCH, *CELL, *where, *more))

    return run


@pytest.fixture
def searched(place: Path, search: Callable[..., str]) -> Path:
    """The runs of a search that was left alone, made once."""
    if not (place / "alone").exists():
        told = search("alone")
        best = max(read(place / "alone")["trials"], key=lambda one: one["auroc"])
        assert f"best of 3 trials, number {best['number']}: adaptation.lr={best['choices']['adaptation.lr']}" in told
    return place / "alone"


def test_each_trial_has_the_validation_auroc_of_its_cell(searched: Path) -> None:
    trials = read(searched)["trials"]
    assert len({one["choices"]["adaptation.lr"] for one in trials}) == 3
    for one in trials:
        metrics = read_metrics(searched, one)
        assert one["auroc"] == metrics["validation"]["auroc"] == metrics["chosen"]["checkpoint"]["auroc"]
        assert one["auroc"] != metrics["sets"]["all"]["auroc"]


def test_after_a_kill_the_search_ends_as_if_it_had_been_left_alone(
    searched: Path, place: Path, search: Callable[..., str]
) -> None:
    where = [f"paths.data={place / 'data'}", f"paths.cache={place / 'cache'}", f"paths.runs={place / 'killed'}"]
    process = forked.start([*SEARCH, *CELL, *where], place, place / "killed.log")
    until = time.monotonic() + 120
    while not list((place / "killed").glob("cells/*/DONE")) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.join()
    finished = len(list((place / "killed").glob("cells/*/DONE")))
    assert 1 <= finished < 3
    search("killed")
    assert read(place / "killed") == read(searched)


def test_other_labels_of_test_samples_change_no_draw_and_no_choice(
    searched: Path, place: Path, search: Callable[..., str]
) -> None:
    (cell,) = read(searched)["trials"][0]["cells"]
    split = pd.read_parquet(searched / "cells" / cell / "split.parquet")
    split[["sample_id", "part"]].to_csv(place / "split.csv", index=False)
    given = ["split=file", f"split.file={place / 'split.csv'}"]
    search("right", *given)

    shutil.copytree(place / "data", place / "flipped")
    (file,) = (place / "flipped").rglob(ANNOTATIONS)
    content = json.loads(file.read_text())
    tested = {one.rpartition("-")[2] for one in split["sample_id"][split["part"] == "test"]}
    first, second = (one["id"] for one in content["categories"])
    flip = {first: second, second: first}
    for one in content["annotations"]:
        if str(one["id"]) in tested:
            one["category_id"] = flip[one["category_id"]]
    file.write_text(json.dumps(content))
    search("wrong", *given, f"paths.data={place / 'flipped'}")

    right, wrong = (read(place / name)["trials"] for name in ("right", "wrong"))
    assert [(one["choices"], one["auroc"]) for one in wrong] == [(one["choices"], one["auroc"]) for one in right]
    for one, other in zip(right, wrong, strict=True):
        before, after = (
            read_metrics(place / name, trial)["sets"]["all"]["auroc"]
            for name, trial in (("right", one), ("wrong", other))
        )
        assert after == pytest.approx(1 - before)


def test_too_few_validation_samples_are_refused_before_a_cell_is_trained(
    place: Path, search: Callable[..., str], capsys: Any
) -> None:
    with pytest.raises(SystemExit) as ended:
        search("few", "protocol.validation_samples=1000")
    assert ended.value.code == 2
    assert "a search chooses by validation samples, and a cell of this one has" in capsys.readouterr().err
    assert not (place / "few").exists()
