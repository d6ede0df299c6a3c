from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from mitofm.evaluation import count_agreement, law_intervals, verdicts
from mitofm.ground import context
from mitofm.reporting.measured import estimates
from mitofm.reporting.measured.kept import DAYS, Kept
from mitofm.reporting.report import make_report

from ...made_up import Study


def test_only_what_is_lacking_damaged_or_of_other_code_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, computed = Kept(tmp_path), []

    def square(asked: list[int]) -> list[int]:
        def compute(lacking: list[int]) -> list[int]:
            computed.append([asked[place] for place in lacking])
            return [asked[place] ** 2 for place in lacking]

        return kept.get_all(asked, compute)

    assert square([3, 1]) == [9, 1]
    assert square([1, 2, 3]) == [1, 4, 9]
    assert square([]) == []
    assert square([3, 2, 1]) == [9, 4, 1]
    assert computed == [[3, 1], [2]]
    for entry in tmp_path.iterdir():
        entry.write_bytes(entry.read_bytes()[:-1])
    assert square([2, 3]) == [4, 9]
    monkeypatch.setattr(context, "of_code", lambda: "other code")
    assert square([3]) == [9]
    assert computed[2:] == [[2, 3], [3]]


def test_what_was_used_lately_stays_and_the_rest_is_forgotten(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    other = tmp_path / "of a cell.measured"
    other.touch()
    for made_of in ("used", "unused"):
        kept.get(made_of, lambda: 1)
    for entry in tmp_path.iterdir():
        os.utime(entry, (0, entry.stat().st_mtime - (DAYS + 1) * 86400))
    kept.get("used", lambda: pytest.fail("computed again"))
    kept.forget_unused()
    assert len(list(tmp_path.glob("*.kept"))) == 1
    assert other.exists()
    kept.get("used", lambda: pytest.fail("computed again"))


def test_what_may_only_be_read_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Kept(tmp_path).get("made by somebody else", lambda: 1)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    assert Kept(tmp_path).get("made by somebody else", lambda: pytest.fail("computed again")) == 1


def read_tables(page: Path) -> dict[str, bytes]:
    tables = {str(file.relative_to(page.parent)): file.read_bytes() for file in page.parent.glob("tables/**/*.csv")}
    assert len(tables) > 15
    return tables


@pytest.mark.usefixtures("undrawn")
@pytest.mark.filterwarnings("error:covariance is not symmetric")  # correlations that cannot all hold
def test_kept_results_are_the_fresh_ones_and_a_cell_that_changed_under_its_name_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(tmp_path / "runs")
    axes = {"adaptation": ["linear_probe", "lora", "full"], "fraction": [0.01, 0.1, 0.3, 1.0], "train_domain": ["lung"]}
    study.grid(seed=[42, 43], domains=[("breast", "lung")], **axes)

    def report(cache: str) -> dict[str, bytes]:
        return read_tables(make_report(study.runs, study.name, tmp_path / "report", tmp_path / cache, crops=False))

    first = report("cache")
    with monkeypatch.context() as patched:
        for module, name in (
            (estimates, "estimate_many"),
            (count_agreement, "estimate_many"),
            (law_intervals, "fit_draws"),
            (verdicts, "compare_families"),
            (estimates.Stored, "compare"),
        ):
            patched.setattr(module, name, fail)
        assert report("cache") == first
    changed = study.runs / "cells" / study.cells[-1] / "predictions.parquet"
    table = pd.read_parquet(changed)
    table.assign(logit=table["logit"] - table["label"]).to_parquet(changed, index=False)
    second = report("cache")
    assert {name for name in first if first[name] == second[name]} < {*first}
    assert second == report("empty")
    study.add(adaptation="lora", fraction=0.1, train_domain="lung", seed=44, domains=("breast", "lung"))
    third = report("cache")
    assert third != second
    assert third == report("empty too")


def fail(*_: object, **__: object) -> None:
    pytest.fail("computed again")
