from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import cost
from mitofm.reporting.findings.cost import Cost, find_costs, find_front
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study

Price = Callable[["Study"], list[Cost]]


@pytest.fixture
def price(measure: Callable[[Study], Measured]) -> Price:
    def price(study: Study) -> list[Cost]:
        measured = measure(study)
        return find_costs(measured.stored.collected, measured.primary)

    return price


def test_nothing_beats_what_is_on_the_front_and_all_else_is_beaten(study: Study, price: Price) -> None:
    study.grid(
        adaptation=["linear_probe", "lora", "full"], backbone=["uni", "virchow", "phikon"], domains=[("breast",)]
    )
    found = price(study)
    assert len(found) == 9
    best = find_front(found, "trained_parameters")
    for one in found:
        beaten = any(
            other.mean("trained_parameters") <= one.mean("trained_parameters")
            and other.value >= one.value
            and (other.mean("trained_parameters"), other.value) != (one.mean("trained_parameters"), one.value)
            for other in found
        )
        assert beaten != (one in best)
        assert ("trained_parameters" in one.best) == (one in best)


def test_fronts_are_of_equal_labels_and_settings(study: Study, price: Price) -> None:
    study.grid(fraction=[0.1, 1.0])
    assert all(one.best == {"seconds", "trained_parameters"} for one in price(study))


def test_the_table_has_the_costs_of_the_cells_and_says_where_they_were_measured(study: Study, report) -> None:
    for seed in (42, 43):
        folder = study.add(seed=seed, domains=("breast",))
        study.write(folder, "cost.json", {"seconds": 10.0 + seed, "trained_parameters": 5, "peak_memory_mb": 100})
        study.write(folder, "environment.json", {"device": f"GPU {seed}"})
    study.add(adaptation="full", domains=("breast",))
    out = report(study)
    table = pd.read_csv(out / "tables" / "midog" / "cost.csv").set_index("adaptation")
    assert table.loc["lora", "seconds_mean"] == 52.5
    assert table.loc["lora", "trained_parameters_mean"] == 5
    text = (out / "tables" / "midog" / "cost.md").read_text()
    assert "52 to 53" in text
    assert "on GPU 42, GPU 43: seconds on different machines do not compare" in text
    assert (out / "figures" / "midog" / "cost-seconds-all.svg").is_file()


def test_unknown_costs_are_not_invented(study: Study, price: Price) -> None:
    folder = study.add()
    (folder / "cost.json").unlink()
    (found,) = price(study)
    assert found.best == set()
    shown = cost.tabulate([found], collect(study.runs, study.name))
    assert shown.shown["seconds"].item() == "–"
    assert "a machine that is not recorded" in shown.note
    assert cost.draw_costs([found], ["lora"], study.runs) == ([], "")


@pytest.mark.parametrize("name", ["seconds", "trained_parameters"])
def test_equally_good_and_equally_cheap_are_both_on_the_front(study: Study, price: Price, name: str) -> None:
    study.add()
    (one,) = price(study)
    twin = replace(one, best=frozenset())
    assert find_front([one, twin], name) == [one, twin]
