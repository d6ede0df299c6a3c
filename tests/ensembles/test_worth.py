"""What an ensemble is worth is the paired difference to the mean of its members."""

import json
from pathlib import Path

import numpy as np
import pytest

from mitofm.ensembles.worth import measure_worth

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
