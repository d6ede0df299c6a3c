from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import predictive_values

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[..., Measured]


def test_the_table_has_a_column_for_each_stated_prevalence(study: Study, measure: Measure) -> None:
    folders = [study.add(seed=seed, slides=8) for seed in (42, 43)]
    measured = measure(study, prevalences=(0.02, 0.4))
    (section,) = predictive_values.find(measured).sections
    full, shown = section.table.full.iloc[0], section.table.shown.iloc[0]
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    assert full["share_positive"] == pytest.approx(pd.concat(tables)["label"].mean())
    sensitivity, specificity = full["sensitivity_chosen"], full["specificity_chosen"]
    for prevalence, heading in ((0.02, "PPV at 2 %"), (0.4, "PPV at 40 %")):
        value = full[f"ppv_at_{prevalence:g}"]
        expected = sensitivity * prevalence / (sensitivity * prevalence + (1 - specificity) * (1 - prevalence))
        assert value == pytest.approx(expected, abs=0.02)  # a mean over seeds of a ratio
        assert full[f"ppv_at_{prevalence:g}_low"] < value < full[f"ppv_at_{prevalence:g}_high"]
        assert shown[heading].startswith(f"{value:.3f} (")


def test_no_stated_prevalence_is_no_table(study: Study, measure: Measure) -> None:
    study.add()
    assert predictive_values.find(measure(study, prevalences=())).sections == ()
