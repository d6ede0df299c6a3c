from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mitofm.reporting.drawing import style
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings.domain_matrix import draw_matrices

if TYPE_CHECKING:
    from conftest import Study


def test_a_matrix_has_a_row_for_each_domain_trained_on_and_says_its_numbers(
    study: Study, measure: Callable[[Study], Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(style._METADATA, "pdf")
    study.grid(train_domain=["breast", "lung"], domains=[("breast", "lung")])
    measured = measure(study)
    (drawn,), _ = draw_matrices(measured.domains, measured.figures)
    assert Path(f"{drawn.stem}.svg").stat().st_size > 1000
    value = measured.domains[0].auroc.value
    assert f"trained on breast, tested on breast: {value:.2f}" in drawn.description
    assert drawn.description.count(";") == 3


def test_one_domain_left_out_of_training_is_a_row_and_no_matrix(
    study: Study, measure: Callable[[Study], Measured]
) -> None:
    study.grid(train_domain=["all but breast"], domains=[("breast", "lung")])
    measured = measure(study)
    assert measured.domains
    assert draw_matrices(measured.domains, measured.figures) == ([], "")
