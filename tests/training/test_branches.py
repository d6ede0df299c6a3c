"""A training at a constant rate that goes on from a shorter one is the one that it would be alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training.budget import Budget, make_budget, schedule_lr
from mitofm.training.settings import Settings

RESULTS = ("predictions.parquet", "metrics.json", "curves.csv", "checkpoint/trained.safetensors")


@pytest.fixture
def trained(small: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Trains a cell of so many steps, into runs and cache of these names; gives the bytes of its results."""

    def train(steps: int, runs: str, cache: str, *overrides: str) -> dict[str, bytes]:
        places = [f"paths.runs={tmp_path / runs}", f"paths.cache={tmp_path / cache}"]
        composed = small(
            "adaptation=lora",
            "fit=cooldown",
            f"fit.max_steps={steps}",
            "fit.min_steps=20",
            "logger=csv",
            *places,
            *overrides,
        )
        assert run(composed) is State.DONE
        folder = tmp_path / runs / "cells" / identify(Settings.read(resolve(composed))).folder_name
        return {name: (folder / name).read_bytes() for name in RESULTS if (folder / name).is_file()}

    return train


def test_budgets_that_branch_off_are_those_of_separate_runs(
    trained: Callable[..., dict[str, bytes]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "own_cache").mkdir()
    (tmp_path / "own_cache" / "branches").write_text("no folder")
    alone = trained(20, "alone", "own_cache")
    assert "16.ckpt is not kept: " in caplog.text
    assert alone.keys() == set(RESULTS)
    trained(10, "first", "cache")
    assert "goes on" not in caplog.text
    assert trained(20, "then", "cache") == alone
    assert "goes on from step 8 of a shorter training" in caplog.text
    caplog.clear()
    trained(5, "shorter", "cache")  # begins to cool down at step 4
    trained(20, "other_seed", "cache", "training_seed=7")
    assert "goes on" not in caplog.text
    caplog.clear()
    trained(20, "other_cooldown", "cache", "fit.cooldown=0.1")
    assert "goes on from step 16" in caplog.text


@given(steps=st.integers(1, 300), longer=st.integers(0, 300), share=st.floats(0, 1))
def test_rates_are_the_same_up_to_the_cool_down_of_the_shorter(steps: int, longer: int, share: float) -> None:
    def rates(budget: Budget) -> list[float]:
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
        made = schedule_lr(optimiser, budget.steps, budget.warmup, budget.cooldown)["lr_scheduler"]["scheduler"]
        return [made.lr_lambdas[0](step) for step in range(budget.steps)]

    one, other = (Budget(n, 0, 20, math.ceil(n * share)) for n in (steps, steps + longer))
    first, second = rates(one), rates(other)
    assert one.cooldown is not None
    constant = steps - one.cooldown
    assert first[: constant + 1] == second[: constant + 1][: len(first)]
    falling = [first[step] for step in range(max(constant, one.warmup), steps)]
    assert falling == sorted(falling, reverse=True)
    assert all(first[step] <= 1 - math.sqrt((step - constant) / one.cooldown) for step in range(constant, steps))
    assert all(0 < rate <= 1 for rate in first)


def test_the_warm_up_does_not_depend_on_the_budget(resolved: Callable[..., dict[str, Any]]) -> None:
    fit = Settings.read(resolved("adaptation=lora", "fit=cooldown", "fit.min_steps=200")).fit
    assert make_budget(1000, fit) == Budget(200, 0, 20, 40)
    assert make_budget(1000, replace(fit, max_steps=800)) == Budget(800, 0, 20, 160)
    assert make_budget(1000, replace(fit, max_steps=10)) == Budget(10, 0, 20, 2)


def test_a_search_needs_the_checks_that_a_cool_down_has_not(resolved: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(MitofmError, match="leave one of the two out"):
        Settings.read(resolved("adaptation=lora", "adaptation.search=lr", "fit=cooldown"))


def test_a_damaged_state_is_not_gone_on_from(
    trained: Callable[..., dict[str, bytes]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    averaging = ("adaptation=full", "adaptation.ema=0.9")
    trained(10, "first", "cache", *averaging)
    (kept,) = tmp_path.glob("cache/branches/*/8.ckpt")
    held = bytearray(kept.read_bytes())
    held[len(held) // 2] ^= 0b0100_0000
    kept.write_bytes(held)
    kept.with_suffix(".curves").write_bytes(b"cut")
    caplog.set_level(logging.INFO)
    found = trained(20, "then", "cache", *averaging)
    assert "8.ckpt is damaged: it is not gone on from" in caplog.text
    assert "goes on from" not in caplog.text
    assert trained(20, "again", "cache", *averaging) == found  # from the state at step 16, which `then` has left
    assert "goes on from step 16" in caplog.text
    assert found.keys() == set(RESULTS)


def test_what_a_warm_start_may_choose_by_is_shared_too(
    trained: Callable[..., dict[str, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trained(5, "first", "cache", "protocol.validation_samples=1000")
    trained(10, "then", "cache", "protocol.validation_samples=5", "protocol.validation_samples_per_class=1")
    assert "goes on" not in caplog.text
