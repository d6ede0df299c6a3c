from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import selection
from mitofm.runs.books import studies

if TYPE_CHECKING:
    from conftest import Study

NINE = {"c": 0.1, "c_rule": "validation", "c_scores": {str(number): 0.5 for number in range(9)}}
ONE = {"checkpoint": {"rule": "last", "step": 200}, "steps": 200}


def choose(folder: Path, chosen: dict[str, Any], rule: str = "validation") -> None:
    """Let a made-up cell have chosen so."""
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics |= {"chosen": chosen, "threshold": {"value": 0.5, "rule": rule}}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_a_mode_that_chose_among_more_settings_is_named_beside_every_comparison(
    study: Study, report: Callable[[Study], Path]
) -> None:
    for seed in (42, 43):
        choose(study.add(adaptation="linear_probe", seed=seed, slides=8), NINE)
        choose(study.add(adaptation="lora", seed=seed, slides=8), ONE)
        choose(study.add(adaptation="full", seed=seed, slides=8), ONE)
    family = {"lora": {"adaptation": ["lora", "linear_probe"]}, "full": {"adaptation": ["full", "lora"]}}
    block = {"metric": "auroc", "test_set": None, "margin": 0.02, "family": family}
    studies.state_comparisons(study.runs, study.name, block)
    out = report(study)
    said = "Unequal search, in numbers of settings: linear_probe chose among 9; lora, full trained 1."
    assert said in (out / "report.html").read_text()
    for name in ("stated", "adaptations"):
        table = pd.read_csv(out / "tables" / "midog" / f"{name}.csv")
        told = {tuple(row) for row in table[["first", "second", "first_tried", "second_tried"]].fillna(0).to_numpy()}
        assert told - {("full", "linear_probe", 1, 9)} == {("lora", "linear_probe", 1, 9), ("full", "lora", 0, 0)}
        assert "1 against 9" in (out / "tables" / "midog" / f"{name}.md").read_text()


def test_equal_search_and_unknown_search_need_no_words(study: Study, measure: Callable[[Study], Measured]) -> None:
    choose(study.add(adaptation="linear_probe"), NINE)
    choose(study.add(adaptation="lora"), ONE | {"lr": 0.1, "lr_scores": NINE["c_scores"]})
    study.add(adaptation="full")  # its notes are not there
    measured = measure(study)
    assert selection.find(measured).cautions == []


def test_a_curve_on_which_the_rule_of_selection_changes_says_where(
    study: Study, measure: Callable[[Study], Measured]
) -> None:
    for adaptation, notes in (("linear_probe", NINE), ("lora", NINE)):
        for fraction, rules in (
            (0.01, ["fixed", "fixed"]),
            (0.1, ["fixed", "validation"]),
            (0.5, ["validation", "validation"]),
            (1.0, ["validation", "validation"]),
        ):
            for seed, rule in enumerate(rules):
                choose(study.add(adaptation=adaptation, fraction=fraction, seed=seed), notes, rule)
    mixed, changes = selection.describe_rules(measure(study).primary)
    assert mixed.startswith(
        "Two rules of model selection in one mean: validation samples were enough to choose on in 1 of 2 seeds with 10 % of the "
        "labels; "
    )
    between = "between 1 % of the labels and 10 % of the labels; between 10 % of the labels and 50 % of the labels: "
    assert changes.startswith(f"The rule of model selection changes along the labels {between}")
