"""A search: what it draws, repeats and refuses; how it goes on; which trials it prunes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.sweeping.search_check import check_search
from mitofm.commands.sweeping.search_space import read_space
from mitofm.commands.sweeping.searching import Ended, Search, SearchSettings
from mitofm.ground.errors import MitofmError
from mitofm.runs.foresight import Tried

pytest.importorskip("optuna")
RATES = "adaptation.lr=tag(log,interval(1e-5,1e-1))"
BEST = 1e-3


def measure(cell: Sequence[str]) -> Ended:
    """The better, the nearer its rate is to 0.001, under every seed."""
    choices = dict(one.split("=") for one in cell)
    score = 1 - abs(math.log10(float(choices["adaptation.lr"]) / BEST)) / 5
    return Ended(" ".join(cell), score + int(choices.get("seed", 0)) / 100)


def make(folder: Path, *overrides: str, run: Any = None, **settings: Any) -> Search:
    given = {"n_trials": 12, "n_jobs": 1, "sampler": "tpe", "pruner": None, "seed": 0, "params": None} | settings
    run = run or (lambda cells: [measure(cell) for cell in cells])
    return Search(read_space(overrides), SearchSettings(**given), folder, run)


def test_every_seed_is_run_for_every_draw_and_the_best_mean_is_the_result(tmp_path: Path) -> None:
    search = make(tmp_path, RATES, "seed=1,2", "study=mine", n_trials=30)
    best = search.search()
    assert all(len(one.cells) == 2 for one in search.trials)
    assert [one.split()[-1] for one in best.cells] == ["seed=1", "seed=2"]
    assert best.auroc == max(one.auroc for one in search.trials if one.auroc is not None)
    assert abs(math.log10(float(best.choices["adaptation.lr"]) / BEST)) < 0.2
    assert best.cells[0].startswith("study=mine adaptation.lr=")
    written = json.loads(search.file.read_text())
    assert [one["choices"] for one in written["trials"]] == [one.choices for one in search.trials]
    assert not any("study" in one for one in written["space"])


def test_a_longer_search_begins_as_the_shorter_one(tmp_path: Path) -> None:
    short, long = (make(tmp_path, RATES, n_trials=count) for count in (12, 16))
    short.search()
    long.search()
    assert long.trials[:12] == short.trials
    assert long.file == short.file
    assert make(tmp_path, RATES, seed=1).file != short.file


def test_a_poor_trial_is_pruned_between_seeds_and_kept(tmp_path: Path) -> None:
    search = make(tmp_path, RATES, "seed=1,2,3", n_trials=25, pruner="median", sampler="random")
    best = search.search()
    pruned = [one for one in search.trials if one.state == "pruned"]
    assert pruned
    assert all(1 <= len(one.cells) < 3 for one in pruned)
    assert best.state == "complete"
    states = [one["state"] for one in json.loads(search.file.read_text())["trials"]]
    assert states.count("pruned") == len(pruned)


def test_a_trial_of_which_a_cell_failed_is_failed_and_the_search_goes_on(tmp_path: Path) -> None:
    def run(cells: Sequence[Sequence[str]]) -> list[Ended]:
        ended = [measure(cell) for cell in cells]
        return [Ended(one.cell, None, "it diverged") if one.auroc and one.auroc < 0.8 else one for one in ended]

    search = make(tmp_path, RATES, run=run)
    assert search.search().state == "complete"
    failed = [one for one in search.trials if one.state == "failed"]
    assert failed
    assert {one.reason for one in failed} == {"it diverged"}
    none = make(tmp_path, RATES, run=lambda cells: [Ended("a", None, "no luck") for _ in cells], n_trials=2)
    with pytest.raises(MitofmError, match=r"none of 2 trials is complete. The first: no luck"):
        none.search()


def test_values_keep_their_kinds(tmp_path: Path) -> None:
    seen: list[Sequence[str]] = []

    def run(cells: Sequence[Sequence[str]]) -> list[Ended]:
        seen.extend(cells)
        return [Ended("a", 0.5) for _ in cells]

    drawn = [
        "adaptation=lora,dora",
        "adaptation.rank=range(2,9,2)",
        "fit.batch_size=int(interval(8,64))",
        "fit.mixup=interval(0,1)",
    ]
    make(tmp_path, *drawn, run=run, n_jobs=5, sampler="random").search()
    assert len(seen) == 12
    for cell in seen:
        mode, rank, batch, mixup = (one.split("=")[1] for one in cell)
        assert mode in ("lora", "dora")
        assert rank in ("2", "4", "6", "8")
        assert 8 <= int(batch) <= 64
        assert 0 <= float(mixup) <= 1
        assert len(mixup.strip("0.")) <= 5


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["seed=1,2,3"], "there is nothing to search here"),
        ([RATES, "seed=interval(1,3)"], "give values, seed=1,2,3"),
        ([RATES, "fraction=0.1,1.0"], "fraction=0.1,1.0: a search compares settings on the same validation samples"),
        ([RATES, "split=in_domain,kfold"], "run one search for each value of split"),
        ([RATES, "data.crop_px=32,64"], "data.crop_px may change them"),
        ([RATES, "protocol=honest,released_code"], "protocol may change them"),
        (["adaptation.lr=tag(log,interval(0,1))"], "the lower end of a logarithmic interval is above 0"),
        (["adaptation.lr=interval(1,0.1)"], "this interval is empty"),
    ],
)
def test_what_a_search_cannot_compare_is_refused(typed: list[str], told: str) -> None:
    with pytest.raises(MitofmError) as refused:
        read_space(typed)
    assert told in str(refused.value)


def test_another_sweeper_is_to_maximise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hydra" / "sweeper").mkdir(parents=True)
    (tmp_path / "hydra" / "sweeper" / "other.yaml").write_text("_target_: other.Sweeper\ndirection: minimize\n")
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    typed = ["hydra/sweeper=other", "adaptation=full", RATES]
    with pytest.raises(
        MitofmError, match=r"hydra\.sweeper\.direction=minimize: what a cell gives a sweeper is its validation"
    ):
        check_search(read_command_line("train", typed, None, multirun=True), [], Tried())
    line = read_command_line("train", [*typed, "hydra.sweeper.direction=maximize"], None, multirun=True)
    assert check_search(line, [], Tried()) is None
    assert line.swept["adaptation.lr"] == ["1e-05", "0.1"]


def test_the_sweeper_of_hydras_docs_is_named_where_it_is_not_installed() -> None:
    if find_spec("hydra_plugins.hydra_optuna_sweeper"):
        pytest.skip("it is installed")
    with pytest.raises(MitofmError, match=r"which is not installed. Take hydra/sweeper=search"):
        read_command_line("train", ["hydra/sweeper=optuna"], None, multirun=True)
