"""What the made-up cells of a study (`made_up.py`) measured, and reports of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mitofm.evaluation.predictive_value import PREVALENCES
from mitofm.ground import files
from mitofm.reporting.chapter import measure_groups
from mitofm.reporting.drawing import style
from mitofm.reporting.finding import Measured
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.report import make_report
from mitofm.runs.collect import collect

from ..made_up import Study


@pytest.fixture
def measure(tmp_path: Path) -> Callable[..., Measured]:
    """Gives what the finished cells of a study measured, all its data sets at once."""

    def measure(study: Study, prevalences: Sequence[float] = PREVALENCES) -> Measured:
        collected = collect(study.runs, study.name)
        groups = [group for group in group_cells(collected) if group.done]
        return measure_groups(
            Stored(collected, Kept(study.runs / "cache")), groups, tmp_path / "figures", None, prevalences
        )

    return measure


@pytest.fixture
def whole_report(tmp_path: Path) -> Callable[[Study], Path]:
    """Makes the report of a study and gives its folder."""
    return lambda study: make_report(study.runs, study.name, tmp_path / "report", tmp_path / "cache").parent


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made and kept as empty SVGs: laying out and rendering them takes longer than all else."""
    monkeypatch.setattr(style, "_keep", lambda figure, stem: files.write_text(Path(f"{stem}.svg"), "<svg/>"))


@pytest.fixture
def report(whole_report: Callable[[Study], Path], undrawn: None) -> Callable[[Study], Path]:
    """As `whole_report`, its figures empty."""
    return whole_report
