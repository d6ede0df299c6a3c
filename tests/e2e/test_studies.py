"""The smoke variant of every study, as a user runs it: the whole grid in little, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from mitofm.commands import report, train
from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.composing.grids import resolve_grid
from mitofm.ground import files
from mitofm.ground.config import experiments_dir
from mitofm.reporting.drawing import style
from mitofm.runs.books import studies
from mitofm.runs.collect import collect

RENDERED = ("atypical", "data_scaling", "mitotic_count")  # the first in all formats
SMOKES = sorted(path.parent.name for path in experiments_dir().glob("*/smoke.yaml"))


@pytest.fixture
def cleared() -> Iterator[None]:
    """Hydra keeps what it was started with, and the command line; other tests of this process want their own."""
    yield
    GlobalHydra.instance().clear()


def test_every_study_has_a_smoke_variant() -> None:
    assert (
        sorted(path.parent.name for path in experiments_dir().glob("*/sweep.yaml") if path.parent.name != "demo")
        == SMOKES
    )


@pytest.mark.usefixtures("cleared")
@pytest.mark.parametrize("study", SMOKES)
def test_the_smoke_variant_of_a_study_runs_and_is_reported(
    study: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mitofm"])
    if study not in RENDERED:  # rendering takes longer than all else, and nothing here looks at a figure
        monkeypatch.setattr(style, "_keep", lambda figure, stem: files.write_text(Path(f"{stem}.svg"), "<svg/>"))
    elif study != RENDERED[0]:
        for kind in ("pdf", "png"):
            monkeypatch.delitem(style._METADATA, kind)
    paths = [f"paths.cache={shared}/cache", f"paths.runs={tmp_path}/runs"]
    train.main(
        ["--config-dir", str(experiments_dir() / study), "--config-name", "smoke", f"paths.data={shared}/data", *paths]
    )
    cells = collect(tmp_path / "runs", study).cells
    assert set(cells["state"]) == {"DONE"}
    assert len(cells) >= 2
    capsys.readouterr()
    report.main([f"study={study}", *paths])
    page = Path(capsys.readouterr().out.split()[-1])
    text = page.read_text()
    assert "Comparisons stated before the runs" in text
    assert "Not measured" not in text
    stated = studies.read(tmp_path / "runs", study).stated
    assert stated is not None
    answered = {one for table in page.parent.glob("tables/*/stated.csv") for one in pd.read_csv(table)["question"]}
    assert answered <= set(stated["family"])
    assert answered == set(stated["family"]) or "Stated, but without finished cells to compare" in text


@pytest.mark.parametrize("study", ["cross_domain", "leave_one_domain_out"])
def test_a_key_of_what_a_study_sweeps_can_be_typed(study: str) -> None:
    typed = ["split.domain=canine lymphoma,human melanoma", "hydra/launcher=local"]
    found = read_command_line("sweep", typed, str(experiments_dir() / study))
    assert found.launcher == "local"
    assert {config["split"]["domain"] for config in resolve_grid(found)} == {"canine lymphoma", "human melanoma"}
    one = read_command_line("sweep", ["split.domain=canine lymphoma"], str(experiments_dir() / study))
    assert 2 * one.size == found.size
