"""When validation samples decide: enough of them, and of either class."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mitofm.runs.execute import run
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training import fit
from mitofm.training.settings import Protocol, Settings

HONEST = Protocol(name="honest", validation_samples=50, validation_samples_per_class=10, confounders={})


@pytest.mark.parametrize(
    ("positives", "negatives", "decides"),
    [(10, 40, True), (40, 10, True), (10, 39, False), (9, 60, False), (0, 90, False)],
)
def test_enough_cells_of_each_class(positives: int, negatives: int, decides: bool) -> None:
    assert HONEST.can_choose(np.repeat([1, 0], [positives, negatives])) == decides


def test_one_class_never_decides_whatever_the_protocol_says() -> None:
    lax = replace(HONEST, validation_samples=0, validation_samples_per_class=0)
    assert not lax.can_choose(np.ones(5, int))
    assert not lax.can_choose(np.empty(0, int))
    assert lax.can_choose(np.asarray([0, 1]))


@pytest.mark.parametrize("mode", ["linear_probe", "full"])
def test_with_one_class_in_validation_the_stated_fallback_is_taken(
    small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    read = fit._read_labels
    monkeypatch.setattr(fit, "_read_labels", lambda split, part: read(split, part) * (part != "validation"))
    composed = small(f"adaptation={mode}", "backbone=toy_vit_p16", "fit.min_steps=4", "fit.max_steps=4")
    run(composed)
    config = resolve(composed)
    folder = Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name
    metrics = json.loads((folder / "metrics.json").read_text())
    calibrated = 1 / (1 + math.exp(-metrics["prior"]["logit"]))
    assert metrics["threshold"] == {"value": pytest.approx(calibrated), "logit": 0.0, "rule": "fixed"}
    rules = {"linear_probe": ("c_rule", "cross_validation"), "full": ("checkpoint", {"rule": "last", "step": 4})}
    key, rule = rules[mode]
    assert metrics["chosen"][key] == rule


@pytest.mark.parametrize(
    ("choices", "undone"),
    [
        ("adaptation=full fit.class_weight=balanced", True),
        ("adaptation=full fit.class_weight=none fit.sampler=class", True),
        ("adaptation=full fit.class_weight=none", False),
        ("adaptation=linear_probe fit.class_weight=none fit.sampler=class", False),  # frozen modes draw no batches
    ],
)
def test_probabilities_have_the_prevalence_of_the_training_samples_however_training_is_balanced(
    small: Callable[..., Any], choices: str, undone: bool
) -> None:
    composed = small(*choices.split(), "backbone=toy_vit_p16", "fit.min_steps=1", "fit.max_steps=1", "fit.max_epochs=1")
    run(composed)
    config = resolve(composed)
    folder = Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name
    split = pd.read_parquet(folder / "split.parquet")
    share = split.loc[split["part"] == "train", "label"].mean()
    prior = json.loads((folder / "metrics.json").read_text())["prior"]["logit"]
    assert share != 0.5
    assert prior == pytest.approx(math.log(share / (1 - share)) if undone else 0.0, abs=1e-5)
