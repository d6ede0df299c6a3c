from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scipy.special import logit

from mitofm.ground.errors import MitofmError
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from made_up import Study


def test_every_cell_has_a_row_whatever_became_of_it(study: Study) -> None:
    study.add()
    for seed, marker, text in (
        (43, "FAILED", "Traceback\n  File\nRuntimeError: out of memory\n"),
        (44, "SKIPPED", "why"),
    ):
        folder = study.folder(study.labels | {"seed": seed})
        folder.mkdir(parents=True)
        (folder / marker).write_text(text)
    study.folder(study.labels | {"seed": 45}).mkdir(parents=True)
    study.folder(study.labels | {"seed": 46})
    found = collect(study.runs, study.name)
    states = found.unfinished.set_index("state")["reason"]
    assert len(found.cells) == 5
    assert len(found.done) == 1
    assert states["FAILED"] == "RuntimeError: out of memory"
    assert states["SKIPPED"] == "why"
    assert sorted(states["missing"]) == ["interrupted or running", "not started"]
    assert len(collect(study.runs).cells) == 4


def test_a_finished_cell_carries_labels_threshold_cost_metrics_and_predictions(study: Study) -> None:
    name = study.add(train_domain="lung").name
    found = collect(study.runs, study.name)
    row = found.cells.iloc[0]
    assert (row["dataset"], row["threshold"], row["threshold_rule"]) == ("midog", 0.4, "validation")
    assert row["threshold_logit"] == pytest.approx(logit(0.4))
    assert row["trained_parameters"] == 600_000
    assert row["slide_unit"] is None
    assert {"all", "in_domain", "out_of_domain", "domain:lung"} <= set(found.metrics["set"])
    assert found.metrics.loc[found.metrics["set"] == "all", "n"].item() == len(found.predictions(name))


def test_an_unknown_study_names_those_there_are(study: Study) -> None:
    study.add()
    with pytest.raises(MitofmError, match=r"unknown study 'made_upp'.*Did you mean 'made_up'"):
        collect(study.runs, "made_upp")


def test_no_cells_is_an_error(study: Study) -> None:
    with pytest.raises(MitofmError, match="no cells"):
        collect(study.runs)


@pytest.mark.parametrize("file", ["metrics.json", "cell.json"])
@pytest.mark.parametrize("content", [None, "{", "{}", "[]"])
def test_a_damaged_finished_cell_is_told_with_the_file(study: Study, file: str, content: str | None) -> None:
    path = study.add() / file
    study.add(seed=43)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    found = collect(study.runs, study.name)
    assert len(found.done) == 1
    assert found.unfinished["state"].item() == "damaged"
    assert file in found.unfinished["reason"].item()


def test_damaged_predictions_are_an_error_that_names_the_file(study: Study) -> None:
    path = study.add() / "predictions.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(MitofmError, match=r"predictions\.parquet"):
        collect(study.runs, study.name).predictions(path.parent.name)
