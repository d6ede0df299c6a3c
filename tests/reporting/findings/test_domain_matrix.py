from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mitofm.reporting import style
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
    (drawn,) = draw_matrices(measured.domains, measured.figures)
    assert Path(f"{drawn.stem}.svg").stat().st_size > 1000
    value = measured.domains[0].auroc.value
    assert f"trained on breast, tested on breast: {value:.2f}" in drawn.description
    assert drawn.description.count(";") == 3
