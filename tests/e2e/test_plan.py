"""What a design cannot decide, said before it runs, as a user asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mitofm.commands import plan, train

Capture = pytest.CaptureFixture[str]
ASKED = """
defaults: [train, _self_]
study: asked
comparisons:
  metric: auroc
  test_set: in_domain
  margin: 0.02
  family:
    lora_instead_of_a_probe: {adaptation: [lora, linear_probe]}
    a_tenth_of_the_labels: {fraction: [0.1, 1.0]}
hydra:
  mode: MULTIRUN
  sweeper:
    params: {adaptation: "linear_probe,lora", backbone: toy_vit_p16}
"""


@pytest.fixture
def planned(
    shared: Path, tmp_path: Path, quick: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> Callable[..., list[str]]:
    """Types `mitofm plan` for a study with stated comparisons; gives what follows the line with the launcher."""
    for name, folder in {"DATA": shared / "data", "CACHE": shared / "cache", "RUNS": tmp_path / "runs"}.items():
        monkeypatch.setenv(f"MITOFM_{name}", str(folder))
    (tmp_path / "sweep.yaml").write_text(ASKED)

    def plan_it(*typed: str) -> list[str]:
        plan.main(["--config-dir", str(tmp_path), "--config-name", "sweep", *quick, *typed])
        lines = capsys.readouterr().out.splitlines()
        (place,) = [number for number, line in enumerate(lines) if line.startswith("by: ")]
        return lines[place + 1 :]

    return plan_it


def test_one_seed_and_few_slides_are_said_with_the_way_out(planned: Callable[..., list[str]]) -> None:
    said = planned("seed=42")
    assert said[0] == "with one seed nothing can be said of methods, only of these trained models: seed=42,43,44"
    slides = (
        "test set in_domain of synthetic has 2 slides: no interval under 6; further seeds draw others, and the folds "
    )
    assert said[1] == f"{slides}of split=kfold test all"
    assert said[2].startswith("2 of 2 test domains have no interval of their own: canine lymphoma (1 slide), human ")
    assert said[3].startswith(
        "stated comparison lora instead of a probe (in-domain) cannot be decided: its test set has 2 "
    )
    assert said[4].startswith(
        "stated comparison a tenth of the labels has no cells to compare here: it needs fraction=0.1 "
    )
    assert len(said) == 5


def test_what_can_be_decided_needs_no_words(planned: Callable[..., list[str]]) -> None:
    folds = ["split=kfold", "split.folds=3", "split.fold=0,1,2", "fraction=0.1,1.0"]
    assert planned(*folds, "seed=1,2") == []
    said = planned(*folds, "seed=1")
    assert said[0].endswith("seed=1,2,3")
    assert [line.partition(": ")[0] for line in said[1:]] == [
        "stated comparison lora instead of a probe (in-domain) cannot be decided",
        "stated comparison a tenth of the labels (in-domain) cannot be decided",
    ]
    assert all("one training only: seed=1,2,3" in line for line in said[1:])


def test_a_test_set_that_no_seed_enlarges_needs_more_slides(planned: Callable[..., list[str]]) -> None:
    said = planned("split=leave_one_out", "split.domain=human melanoma", "seed=1,2", "data.source.slides_per_domain=5")
    (outside,) = [line for line in said if line.startswith("test set out_of_domain")]
    assert outside == (
        "test set out_of_domain of synthetic, trained on all but human melanoma has 5 slides: no interval under 6; no seed "
        "adds any, so more slides are needed"
    )


def test_a_grid_of_one_seed_is_warned_of_when_it_starts(
    planned: Callable[..., list[str]], quick: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "run", lambda *_, **__: None)  # cells are not needed
    grid = ["-m", *quick, "study=one", "backbone=toy_vit_p16", "adaptation=linear_probe,knn"]
    train.main([*grid, "seed=7"])
    assert (
        "mitofm: with one seed nothing can be said of methods, only of these trained models: seed=7,8,9; `mitofm plan` "
        in (capsys.readouterr().err)
    )
    train.main([*grid, "seed=7,8"])
    assert "one seed" not in capsys.readouterr().err


def test_finished_cells_of_the_study_count(
    planned: Callable[..., list[str]], quick: list[str], capsys: Capture
) -> None:
    one = ["backbone=toy_vit_p16", "adaptation=prototype", "study=asked"]
    train.main([*quick, *one, "seed=1"])
    capsys.readouterr()
    assert planned("adaptation=prototype", "seed=1")[0].startswith("with one seed nothing can be said of methods")
    assert not any("one seed" in line for line in planned("adaptation=prototype", "seed=2"))


def test_patients_are_counted_if_they_are_known(planned: Callable[..., list[str]]) -> None:
    slides = [f"{domain}_{number:02d}" for domain in ("canine_lymphoma", "human_melanoma") for number in range(6)]
    patients = ",".join(f"{slide}: {slide[:-1]}{number // 2}" for number, slide in enumerate(slides))
    said = planned(f"+data.patients={{{patients}}}", "seed=1,2", "split=leave_one_out", "split.domain=human melanoma")
    (outside,) = [line for line in said if line.startswith("test set out_of_domain")]
    assert outside.endswith("has 3 patients: no interval under 6; no seed adds any, so more patients are needed")
