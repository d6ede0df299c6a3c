from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import law_intervals
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings.scaling_laws import Law, choose_levels, describe_misfits, fit_laws, tabulate
from mitofm.reporting.measured.results import Result
from mitofm.runs.collect import Collected

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]

FRACTIONS = [0.01, 0.05, 0.2, 1.0]


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of a hundred laws: a tenth of the time."""
    monkeypatch.setattr(law_intervals, "fit_draws", partial(law_intervals.fit_draws, draws=100))


def fit(measured: Measured) -> tuple[list[Law], list[Result]]:
    return fit_laws(measured.stored, measured.primary, [0.85, 0.999]), measured.primary


def test_every_configuration_with_four_amounts_has_a_law_through_its_points(study: Study, measure: Measure) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=FRACTIONS, seed=[42, 43])
    study.grid(adaptation=["full"], fraction=FRACTIONS[:3])
    found, results = fit(measure(study))
    assert [law.configuration.adaptation for law in found] == ["linear_probe", "lora"]
    for law in found:
        points = [r.auroc.value for r in results if r.configuration.adaptation == law.configuration.adaptation]
        assert law.labels == [50, 250, 1000, 5000]
        np.testing.assert_allclose(law.predict(np.array(law.labels)), points, atol=0.04)
        for value, low, high in law.parameters.values():
            assert low <= value <= high
        assert law.slides > 12


def test_an_amount_that_is_without_mistakes_has_its_share_in_a_law(study: Study, measure: Measure) -> None:
    for fraction in FRACTIONS:
        folder = study.add(fraction=fraction)
    file = folder / "predictions.parquet"
    table = pd.read_parquet(file)
    table["logit"] = table["label"].astype(float)
    table.to_parquet(file, index=False)
    ((law,), results) = fit(measure(study))
    assert results[-1].auroc.value == 1
    assert law.predict(np.array(law.labels))[-1] > 0.97
    value, low, high = law.parameters["twice"]
    assert low < value <= high <= 1
    assert law.parameters["b"][1:] == [None, None]


def test_labels_needed_are_the_inverse_of_the_law_and_say_where_they_extrapolate(
    study: Study, measure: Measure
) -> None:
    study.grid(fraction=FRACTIONS, seed=[42, 43])
    ((law,), _) = fit(measure(study))
    needed, low, high = law.needed[0.85]
    assert law.predict(np.array([needed])).item() == pytest.approx(0.85)
    assert low <= needed <= (high or np.inf)
    table = tabulate([law])
    assert not table.shown["labels to reach 0.85"].item().endswith("*")
    assert table.full["labels_to_reach_0.85"].item() == needed
    assert table.full["labels_to_reach_0.999_extrapolates"].item()
    assert table.shown["labels to reach 0.999"].item().endswith("*")


def test_absurd_amounts_are_not_printed_digit_by_digit(study: Study, measure: Measure) -> None:
    study.grid(fraction=FRACTIONS)
    ((law,), _) = fit(measure(study))
    shown = tabulate([replace(law, needed={0.9: (1e12, 3000.0, None)})]).shown
    assert shown["labels to reach 0.9"].item() == "over 500,000 (3,000 to never) *"


def test_a_law_is_kept(study: Study, measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    study.grid(fraction=FRACTIONS)
    first, _ = fit(measure(study))
    monkeypatch.setattr(Collected, "predictions", lambda self, cell: pytest.fail("read again"))
    assert fit(measure(study))[0] == first


def test_few_slides_give_a_law_without_intervals(study: Study, measure: Measure) -> None:
    study.grid(fraction=FRACTIONS, domains=[("breast",)])
    ((law,), _) = fit(measure(study))
    assert law.slides == 4
    assert law.parameters["a"][1:] == [None, None]
    assert "(" not in tabulate([law]).shown["a"].item()


def test_the_levels_asked_about_are_the_highest_that_were_reached(study: Study, measure: Measure) -> None:
    study.grid(fraction=FRACTIONS)
    _, results = fit(measure(study))
    best = max(result.auroc.value for result in results)
    asked = choose_levels(results)
    assert len(asked) == 2
    assert asked[1] - asked[0] == pytest.approx(0.05)
    assert asked[1] <= best < asked[1] + 0.05
    assert choose_levels([]) == []


def test_the_report_has_the_laws(study: Study, report) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=FRACTIONS, domains=[("breast",)], slides=[8])
    out = report(study)
    table = pd.read_csv(out / "tables" / "midog" / "scaling_laws.csv")
    assert list(table["adaptation"]) == ["linear_probe", "lora"]
    assert "Scaling laws" in (out / "report.html").read_text()


def test_a_curve_that_rises_and_falls_again_is_no_power_law(study: Study, measure: Measure) -> None:
    for seed in (42, 43, 44):
        folders = [study.add(fraction=fraction, seed=seed, slides=8) for fraction in FRACTIONS]
        study.grid(adaptation=["full"], fraction=FRACTIONS, seed=[seed], slides=[8])
        file = folders[-1] / "predictions.parquet"
        table = pd.read_parquet(file)
        table["logit"] -= 1.5 * table["label"]  # with all labels worse than with fewer
        table.to_parquet(file, index=False)
    measured = measure(study)
    laws, _ = fit(measured)
    (said,) = describe_misfits(measured.stored, measured.primary, laws)
    assert said.startswith("More labels make it worse")
    assert "lora" in said
    assert "full" not in said
