"""What an ensemble is worth is the paired difference to the mean of its members."""

import json
from pathlib import Path

import numpy as np
import pytest

from mitofm.commands.ensemble import main
from mitofm.ensembles.worth import measure_worth
from mitofm.ensembles.writing import mend
from mitofm.ground.errors import MitofmError

from ..made_up import Study


def test_the_difference_is_that_of_the_metrics_and_slides_are_paired(study: Study) -> None:
    def auroc(cell: Path) -> float:
        return json.loads((cell / "metrics.json").read_text())["sets"]["all"]["auroc"]

    made, *others = (study.add(adaptation=one) for one in ("lora", "full", "linear_probe"))
    found = measure_worth(made, others)["all"]
    assert found.value == pytest.approx(auroc(made) - np.mean([auroc(one) for one in others]))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    same = measure_worth(made, [made, made])["all"]
    assert same.value == 0


def test_a_rival_that_is_tested_on_other_samples_is_refused_before_anything_is_written(study: Study) -> None:
    one, other, rival = (
        study.add(adaptation=kind, seed=seed) for kind, seed in (("lora", 42), ("full", 42), ("lora", 43))
    )
    with pytest.raises(MitofmError, match=rf"{rival.name} shares \d+ of its \d+ test samples"):
        main([one.name, other.name, f"beside={rival.name}", f"paths.runs={study.runs}"])
    assert [folder.name for folder in (study.runs / "studies").iterdir()] == [study.name]


def test_a_member_of_other_runs_is_refused(study: Study, tmp_path: Path) -> None:
    one, other = study.add(adaptation="lora"), Study(tmp_path / "elsewhere").add(adaptation="full")
    with pytest.raises(MitofmError, match=rf"{other.name} is not in .*give their paths.runs"):
        main([one.name, str(other), f"paths.runs={study.runs}"])


def test_an_ensemble_whose_member_is_lost_stays_as_it_is(study: Study) -> None:
    made = study.add()
    (made / "config.yaml").write_text("members: [a-cell, b-cell]")
    with pytest.raises(MitofmError, match="there is no cell a-cell"):
        mend(made, study.runs)
    assert (made / "DONE").is_file()
