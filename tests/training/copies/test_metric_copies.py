"""Copies of a cell's metrics: learning curves."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.training.copies.metric_copies import Curves

POINTS = [
    (10, {"loss": 0.7, "lr": 0.1}),
    (10, {"auroc": 0.6}),
    (20, {"loss": 0.5, "lr": 0.1, "epoch": 2}),
    (20, {"auroc": 0.8}),
]


@pytest.mark.parametrize("resumed", range(len(POINTS)))
def test_curves_cut_anywhere_are_those_of_an_undisturbed_run(tmp_path: Path, resumed: int) -> None:
    """Killed after the checkpoint that lies before point `resumed`, with any part of what came after it in the file."""
    file = tmp_path / "curves.csv"

    def log(first: int) -> bytes:
        curves = Curves(file)
        for step, metrics in POINTS[first:]:
            curves.log(metrics, step)
        return file.read_bytes()

    whole = log(0)
    assert whole.splitlines()[:3] == [b"step,metric,value", b"10,loss,0.7", b"10,lr,0.1"]
    assert b"epoch" not in whole
    begun = Curves(file)
    file.unlink()
    for step, metrics in POINTS[:resumed]:
        begun.log(metrics, step)
    least = file.stat().st_size if resumed else 0
    for size in range(least, len(whole) + 1):
        file.write_bytes(whole[:size])
        assert log(resumed) == whole


def test_curves_of_a_training_begun_again_replace_those_before(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "curves.csv")
    for step, metrics in (*POINTS, *POINTS):
        curves.log(metrics, step)
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 7
