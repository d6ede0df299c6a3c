"""How many cells a job is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitofm.runs.pace import choose_cells_per_job
from mitofm.training.settings import Settings


def test_a_job_lasts_half_an_hour_by_finished_cells_of_these_modes(
    resolved: Callable[..., Any], tmp_path: Path
) -> None:
    cells = [Settings.read(resolved(f"adaptation={mode}")) for mode in ("linear_probe", "knn", "lora")]

    def finish(name: str, seconds: float) -> None:
        place = tmp_path / "cells" / name
        place.mkdir(parents=True)
        (place / "cost.json").write_text(json.dumps({"seconds": seconds}))
        (place / "DONE").touch()

    assert choose_cells_per_job(tmp_path, cells) == 1
    finish("synthetic-other-linear_probe-in_domain-f1-s0-0", 1.0)
    assert choose_cells_per_job(tmp_path, cells) == 1
    for seed, seconds in enumerate((9.0, 10.0, 1000.0)):
        finish(f"synthetic-toy_vit_p16-random-linear_probe-in_domain-f1-s{seed}-0", seconds)
    assert choose_cells_per_job(tmp_path, cells) == 180
    finish("synthetic-toy_vit_p16-random-lora-in_domain-f1-s0-0", 50.0)
    assert choose_cells_per_job(tmp_path, cells) == 60
    finish("synthetic-toy_vit_p16-random-knn-in_domain-f1-s0-0", 9000.0)
    assert choose_cells_per_job(tmp_path, cells) == 1
