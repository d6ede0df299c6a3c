from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.reporting.wandb_summary import list_logged, log_report, summarise
from mitofm.training.settings import Logger

if TYPE_CHECKING:
    from conftest import Study

SETTINGS = Logger(csv=False, wandb=True, project="mitofm", entity=None)


def test_page_tables_wandb_and_the_cells_agree_to_the_last_digit(
    study: Study, whole_report: Callable[[Study], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    folders = [study.add(seed=seed) for seed in (42, 43, 44)]
    out = whole_report(study)
    stored = [json.loads((folder / "metrics.json").read_text())["sets"]["all"]["auroc"] for folder in folders]
    results = pd.read_csv(out / "tables" / "midog" / "results.csv", float_precision="round_trip")
    value, low, high = (results[name].item() for name in ("auroc", "auroc_low", "auroc_high"))
    assert value == np.mean(stored)
    shown = f"{value:.3f} ({low:.3f} to {high:.3f})"
    for text in ("report.html", "tables/midog/results.md", "tables/midog/results.tex"):
        assert shown in (out / text).read_text()
    place = "midog/all/uni/lora/1.0"
    logged = summarise(results)
    assert logged == {f"{place}/auroc": value, f"{place}/auroc_low": low, f"{place}/auroc_high": high}

    (out / "figures" / "midog" / "mistakes-uni-lora.png").write_bytes(b"a crop")
    log_report(out, study.name, SETTINGS, tmp_path / "runs")
    (run,) = (tmp_path / "runs" / "wandb").glob("offline-run-*/*.wandb")
    words = [repr(number).encode() for number in logged.values()]
    words += [b"tables/midog/results", b"figures/midog/reliability-all-uni", place.encode()]
    until = time.monotonic() + 30  # W&B's own process writes the file, and on a busy machine it takes its time
    while not all(word in run.read_bytes() for word in words) and time.monotonic() < until:
        time.sleep(0.1)
    held = run.read_bytes()
    for word in words:
        assert word in held
    assert b"figures/midog/mistakes" not in held


def test_crops_are_not_among_what_is_logged_unless_asked_for(tmp_path: Path) -> None:
    for name in ("figures/a/mistakes-uni.png", "figures/a/cost-0.5.png", "figures/a/cost.svg", "tables/a/mistakes.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(list_logged(tmp_path)) == ["tables/a/mistakes", "figures/a/cost-0.5"]
    assert "figures/a/mistakes-uni" in list_logged(tmp_path, crops=True)  # logger.crops=true


def test_a_failure_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wandb.init", lambda **_: 1 / 0)
    with caplog.at_level(logging.WARNING):
        log_report(tmp_path, "study", SETTINGS, tmp_path)
    assert "W&B gave up (ZeroDivisionError" in caplog.text


def test_the_run_of_a_study_is_the_same_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict] = []

    class Refused(Exception):
        pass

    def init(**settings: object) -> None:
        given.append(settings)
        raise Refused

    monkeypatch.setattr("wandb.init", init)
    for study in ("one", "one", "other"):
        log_report(tmp_path, study, SETTINGS, tmp_path)
    assert given[0] == given[1] | {"settings": given[0]["settings"]}
    assert given[0]["id"] != given[2]["id"]
    assert given[0]["group"] == "one"
