from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from mitofm.evaluation import metrics
from mitofm.evaluation.comparisons import Comparisons, Principal
from mitofm.ground.errors import MitofmError

STATED = {
    "metric": "auroc",
    "test_set": None,
    "margin": 0.02,
    "family": {"lora": {"adaptation": ["lora", "full"], "fraction": 1.0}},
}


def test_a_list_of_two_is_compared_and_one_value_narrows() -> None:
    (question,) = Comparisons.from_config(STATED).questions
    assert question.first == {"adaptation": "lora", "fraction": 1.0}
    assert question.second == {"adaptation": "full", "fraction": 1.0}
    assert question.varied == ["adaptation"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrik": "auroc"}, "unknown key 'comparisons.metrik'. Did you mean 'comparisons.metric'"),
        ({"metric": "auc"}, "unknown comparisons.metric 'auc'"),
        ({"margin": 2}, "comparisons.margin=2: give a number above 0 and below 1"),
        ({"family": {}}, "comparisons.family is empty"),
        ({"family": {"a": {"adaptation": ["x", "y", "z"]}}}, r"comparisons.family.a.adaptation=.*two values"),
        ({"family": {"a": {"adaptation": "lora"}}}, "comparisons.family.a compares nothing"),
        ({"family": {"a": "lora"}}, "comparisons.family.a is 'lora'"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(MitofmError, match=says):
        Comparisons.from_config(STATED | change)


def test_a_margin_left_out_is_asked_for() -> None:
    with pytest.raises(MitofmError, match=r"comparisons\.margin is missing"):
        Comparisons.from_config({key: value for key, value in STATED.items() if key != "margin"})


def test_comparisons_are_of_metrics_that_exist() -> None:
    assert set(get_args(Principal)) < set(metrics.measure(np.array([0, 1]), np.array([0.0, 1.0]), 0.5))
