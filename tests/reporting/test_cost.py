from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.reporting import cost
from mitofm.reporting.configurations import groups
from mitofm.reporting.cost import Cost, costs, front
from mitofm.reporting.estimates import Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def measured(study: Study) -> list[Cost]:
    collected = collect(study.runs, study.name)
    results = primary(measure(Stored(collected, Kept(study.runs / "cache")), groups(collected)))
    return costs(collected, results)


def test_nothing_beats_what_is_on_the_front_and_all_else_is_beaten(study: Study) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], backbone=["uni", "virchow", "phikon"])
    found = measured(study)
    assert len(found) == 9
    best = front(found, "trained_parameters")
    for one in found:
        beaten = any(
            other.mean("trained_parameters") <= one.mean("trained_parameters")
            and other.auroc >= one.auroc
            and (other.mean("trained_parameters"), other.auroc) != (one.mean("trained_parameters"), one.auroc)
            for other in found
        )
        assert beaten != (one in best)
        assert ("trained_parameters" in one.best) == (one in best)


def test_fronts_are_of_equal_labels_and_settings(study: Study) -> None:
    study.grid(fraction=[0.1, 1.0])
    assert all(one.best == {"seconds", "trained_parameters"} for one in measured(study))


def test_the_table_has_the_costs_of_the_cells_and_says_where_they_were_measured(study: Study, report) -> None:
    for seed in (42, 43):
        folder = study.add(seed=seed)
        study.write(folder, "cost.json", {"seconds": 10.0 + seed, "trained_parameters": 5, "peak_memory_mb": 100})
        study.write(folder, "environment.json", {"device": f"GPU {seed}"})
    study.add(adaptation="full")
    out = report(study)
    table = pd.read_csv(out / "tables" / "midog" / "cost.csv").set_index("adaptation")
    assert table.loc["lora", "seconds_mean"] == 52.5
    assert table.loc["lora", "trained_parameters_mean"] == 5
    text = (out / "tables" / "midog" / "cost.md").read_text()
    assert "52 to 53" in text
    assert "on GPU 42, GPU 43: seconds on different machines do not compare" in text
    assert (out / "figures" / "midog" / "cost-seconds-all.svg").is_file()


def test_unknown_costs_are_not_invented(study: Study) -> None:
    folder = study.add()
    (folder / "cost.json").unlink()
    (found,) = measured(study)
    assert found.best == frozenset()
    shown = cost.cost_table([found], collect(study.runs, study.name))
    assert shown.shown["seconds"].item() == "–"
    assert "a machine that is not recorded" in shown.note
    assert cost.cost_plots([found], ["lora"], study.runs) == []


@pytest.mark.parametrize("name", ["seconds", "trained_parameters"])
def test_equally_good_and_equally_cheap_are_both_on_the_front(study: Study, name: str) -> None:
    study.add()
    (one,) = measured(study)
    twin = Cost(one.result, dict(one.of), frozenset())
    assert front([one, twin], name) == [one, twin]
