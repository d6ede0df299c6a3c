"""Sweeps that no grid can run are refused before anything runs; a glob is the choices that it matches."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.sweeping.launching import refuse_grid_without_m
from mitofm.ground.errors import MitofmError


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("adaptation.lr=interval(0.0001,0.001)", "an interval needs a sweeper that draws from it"),
        ("adaptation.lr=tag(log,interval(0.0001,0.001))", "an interval needs a sweeper"),
        ("adaptation=glob(zz*)", "no adaptation matches. There is: attentive_probe, bitfit"),
        ("adaptation=glob(*,exclude=*)", "no adaptation matches"),
        ("seed=glob(*)", "seed is no group"),
        ("seed=range(3,1)", "this range has no values"),
        ("seed=range(1,1)", "this range has no values"),
        ("seed=range(1,3,0)", "must not be zero"),
        ("fraction=range(0.1,0.3,0.0)", "Invalid range"),
        ("seed=range(0,1000000000000)", "more than the 200000 cells"),
        ("seed=shuffle(range(0,1000000000000))", "more than the 200000 cells"),
        ("hydra.job.chdir=true", "hydra.job.chdir=true: paths of mitofm are relative"),
    ],
)
def test_what_no_grid_can_run_is_refused(typed: str, told: str) -> None:
    with pytest.raises(MitofmError) as refused:
        read_command_line("train", ["adaptation=full", typed] if "lr" in typed else [typed], None, multirun=True)
    assert told in str(refused.value)
    assert typed in str(refused.value)


def test_a_glob_is_its_choices_also_of_ones_own_yamls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adaptation").mkdir()
    (tmp_path / "adaptation" / "my_probe.yaml").write_text("defaults: [linear_probe]\n")
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    line = read_command_line("train", ["adaptation=glob(*_probe,exclude=mlp*)", "seed=range(1,3)"], None, multirun=True)
    assert line.swept == {"adaptation": ["attentive_probe", "linear_probe", "my_probe"], "seed": ["1", "2"]}
    assert line.list_cells()[-1] == ["adaptation=my_probe", "seed=2"]


def test_a_grid_without_m_is_told() -> None:
    line = read_command_line("train", ["seed=1,2"], None)
    with pytest.raises(MitofmError, match="seed=1,2: a grid of cells needs -m"):
        refuse_grid_without_m(line)
    refuse_grid_without_m(read_command_line("train", ["seed=1"], None))
