from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mitofm.evaluation import verdicts
from mitofm.evaluation.comparisons import Comparisons
from mitofm.reporting.contrasts import say_answers
from mitofm.reporting.drawing import style
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import stated
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.results import Result
from mitofm.reporting.measured.stored import Stored
from mitofm.runs.books import studies
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study

MeasuredStudy = Callable[["Study"], tuple[Stored, list[Result]]]


def asked(family: dict[str, Any], **more: Any) -> Comparisons:
    block = {"metric": "auroc", "test_set": None, "margin": 0.02, "family": family}
    return Comparisons.from_config(block | more)


@pytest.fixture
def measured(measure: Callable[[Study], Measured]) -> MeasuredStudy:
    def measured(study: Study) -> tuple[Stored, list[Result]]:
        found = measure(study)
        return found.stored, found.results

    return measured


@pytest.fixture
def grid(study: Study) -> Study:
    study.grid(adaptation=["linear_probe", "lora"], fraction=[0.1, 1.0], seed=[42, 43], domains=[("breast", "lung")])
    return study


def test_a_question_is_answered_in_every_setting_it_means_and_all_are_corrected_for(
    grid: Study, measured: MeasuredStudy
) -> None:
    stored, results = measured(grid)
    family = {"adaptation": {"adaptation": ["lora", "linear_probe"]},
              "labels": {"fraction": [0.1, 1.0], "adaptation": "lora"}}  # fmt: skip
    found, unequal = stated.answer(stored, results, asked(family))
    assert unequal == []
    shown = [(one.question, one.first.configuration.fraction, one.sides) for one in found]
    assert sorted(shown) == [
        ("adaptation", 0.1, ("lora", "linear_probe")),
        ("adaptation", 1.0, ("lora", "linear_probe")),
        ("labels", 0.1, ("0.1", "1.0")),
    ]
    assert {one.paired for one in found} == {"cells"}
    assert [one.corrected for one in found] == [one.difference.among(3) for one in found]
    assert [one.p for one in found] == [verdicts.difference_p(one.difference, 3) for one in found]
    assert [one.outcome for one in found] == [verdicts.judge(one.corrected) for one in found]
    by_hand = {(result.configuration.adaptation, result.configuration.fraction): result for result in results
               if result.set == "all"}  # fmt: skip
    (lora,) = (one for one in found if one.question == "adaptation" and one.first.configuration.fraction == 1.0)
    value = by_hand["lora", 1.0].auroc.value - by_hand["linear_probe", 1.0].auroc.value
    assert lora.difference.value == pytest.approx(value)


def test_different_cells_are_compared_by_slide_and_the_table_says_so(study: Study, measured: MeasuredStudy) -> None:
    study.grid(adaptation=["lora"], split=["kfold"], slides=[6], seed=[42, 43])
    study.grid(adaptation=["lora"], split=["annotation_kfold"], slides=[7], seed=[42, 43])
    stored, results = measured(study)
    questions = asked({"leak": {"split": ["annotation_kfold", "kfold"]}, "absent": {"adaptation": ["full", "lora"]}})
    found, _ = stated.answer(stored, results, questions)
    assert [one.paired for one in found] == ["slides"]
    assert found[0].p == verdicts.difference_p(found[0].difference)
    shown = stated.tabulate(found, [], questions)
    assert "Stated, but without finished cells to compare: absent." in shown.note
    assert shown.full.loc[0, "difference"] == found[0].difference.value


def test_one_test_set_may_be_meant(study: Study, measured: MeasuredStudy) -> None:
    study.grid(adaptation=["linear_probe", "lora"], train_domain=["lung"], seed=[42, 43])
    stored, results = measured(study)
    family = {"adaptation": {"adaptation": ["lora", "linear_probe"]}}
    found, _ = stated.answer(stored, results, asked(family))
    assert {one.first.set for one in found} == {"in_domain", "out_of_domain"}
    ((one,), _) = stated.answer(stored, results, asked(family, test_set="domain:breast"))
    assert one.first.set == "domain:breast"


def test_the_report_answers_from_what_the_study_has_stored(grid: Study, report: Callable[[Study], Path]) -> None:
    family = {"adaptation": {"adaptation": ["lora", "linear_probe"], "fraction": 1.0}}
    block = {"metric": "balanced_accuracy", "test_set": None, "margin": 0.03, "family": family}
    studies.state_comparisons(grid.runs, grid.name, block)
    folder = report(grid)
    table = pd.read_csv(folder / "tables" / "midog" / "stated.csv")
    assert table[["question", "metric", "margin", "first", "second"]].to_numpy().tolist() == [
        ["adaptation", "balanced_accuracy", 0.03, "lora", "linear_probe"]
    ]
    assert table.loc[0, "outcome"] in {"better", "worse", "equivalent", "not decided"}
    assert (
        "Comparisons that the study stated before it ran (balanced accuracy at 0.5, margin 0.03"
        in (folder / "report.html").read_text()
    )


def test_a_key_that_tells_only_some_configurations_apart_does_not_part_the_others(
    study: Study, measured: MeasuredStudy
) -> None:
    """One axis at a time, as in the study of confounders: the baseline has a sibling, what it is compared with has none."""

    def add(config: str, **labels: Any) -> None:
        (study.add(**labels) / "config.yaml").write_text(config)

    add("backbone: {embedding: cls}", split="kfold")
    add("backbone: {embedding: mean}", split="kfold", positive="told apart by its folder's name only")
    add("backbone: {embedding: cls}", split="annotation_kfold", slides=5)
    stored, results = measured(study)
    questions = asked(
        {"leak": {"split": ["annotation_kfold", "kfold"]}, "recipe": {"backbone.embedding": ["mean", "cls"]}}
    )
    found, _ = stated.answer(stored, results, questions)
    assert [(one.question, one.sides) for one in found] == [
        ("leak", ("annotation_kfold", "kfold")),
        ("recipe", ("mean", "cls")),
    ]


def two_runs(measured: MeasuredStudy, study: Study, lora: str, probe: str) -> tuple[Stored, list[Result]]:
    for adaptation, config in (("lora", lora), ("linear_probe", probe)):
        (study.add(adaptation=adaptation) / "config.yaml").write_text(config)
    return measured(study)


LORA = asked({"lora": {"adaptation": ["lora", "linear_probe"]}})


def test_what_else_differs_is_told_and_not_compared(study: Study, measured: MeasuredStudy) -> None:
    one = "{fit: {name: default, max_epochs: 6}, backbone: {img_size: 96}, adaptation: {name: lora, lr: 0.1}}"
    other = "{fit: {name: default, max_epochs: 20}, backbone: {img_size: 96}, adaptation: {name: linear_probe}}"
    found, unequal = stated.answer(*two_runs(measured, study, one, other), LORA)
    assert (found, [one.differs for one in unequal]) == ([], [{"fit.max_epochs": (6, 20)}])
    said = "Not measured: lora, whose sides also differ in fit.max_epochs (6 against 20)."
    assert stated.describe(found, unequal, LORA) == [said]
    assert stated.describe_unanswered(found, unequal, LORA) == said


@pytest.mark.parametrize(
    "rule", ["outside: drop", "padded: keep", "patients: '^[^_]+'", "patients: {slide_1: patient_1}"]
)
def test_tables_curated_by_other_rules_are_not_compared(study: Study, measured: MeasuredStudy, rule: str) -> None:
    found, unequal = stated.answer(*two_runs(measured, study, f"data: {{{rule}}}", "data: {}"), LORA)
    assert (found, [len(one.differs) for one in unequal]) == ([], [1])
    assert next(iter(unequal[0].differs)).startswith(f"data.{rule.partition(':')[0]}")


def test_rules_that_are_left_out_are_the_usual_ones(study: Study, measured: MeasuredStudy) -> None:
    rules = "data: {outside: clip, padded: drop, patients: null}"
    found, unequal = stated.answer(*two_runs(measured, study, rules, "data: {}"), LORA)
    assert (len(found), unequal) == (1, [])


def test_a_backbone_by_its_name(study: Study, measured: MeasuredStudy) -> None:
    for backbone, size, rate in (("uni", 224, 0.1), ("virchow", 96, 0.2)):
        config = f"{{backbone: {{name: {backbone}, img_size: {size}}}, adaptation: {{lr: {rate}}}}}"
        (study.add(backbone=backbone) / "config.yaml").write_text(config)
    family = {"by_name": {"backbone.name": ["uni", "virchow"]}, "as_typed": {"backbone": ["uni", "virchow"]}}
    found, unequal = stated.answer(*measured(study), asked(family))
    assert unequal == []  # a backbone brings its own image size and learning rate
    assert [(one.question, one.sides) for one in found] == [(question, ("uni", "virchow")) for question in family]
    assert len({one.difference for one in found}) == 1


def test_what_a_backbone_does_not_bring_must_be_equal(study: Study, measured: MeasuredStudy) -> None:
    for backbone, epochs in (("uni", 6), ("virchow", 20)):
        config = f"{{backbone: {{name: {backbone}}}, fit: {{max_epochs: {epochs}}}}}"
        (study.add(backbone=backbone) / "config.yaml").write_text(config)
    found, unequal = stated.answer(*measured(study), asked({"uni": {"backbone.name": ["uni", "virchow"]}}))
    assert (found, [one.differs for one in unequal]) == ([], [{"fit.max_epochs": (6, 20)}])


def test_confounders_by_their_values(study: Study, measured: MeasuredStudy) -> None:
    view = {"field_of_view": {"share": 0.5}}
    for protocol, confounders in (("honest", {}), ("field_of_view", view)):
        config = {"protocol": {"name": protocol, "confounders": confounders}}
        study.write(study.add(protocol=protocol), "config.yaml", config)
    family = {"by_value": {"protocol.confounders": [view, {}]}, "as_typed": {"protocol": ["field_of_view", "honest"]}}
    found, unequal = stated.answer(*measured(study), asked(family))
    assert unequal == []
    assert [(one.question, one.sides) for one in found] == [
        ("by_value", (str(view), "{}")),
        ("as_typed", ("field_of_view", "honest")),
    ]
    assert len({one.difference for one in found}) == 1


def test_confounders_do_not_bring_the_other_keys_of_the_protocol(study: Study, measured: MeasuredStudy) -> None:
    for protocol, confounders, samples in (("honest", {}, 50), ("one", {"one": {"share": 0.5}}, 10)):
        config = {"protocol": {"confounders": confounders, "validation_samples": samples}}
        study.write(study.add(protocol=protocol), "config.yaml", config)
    measurements = measured(study)
    found, unequal = stated.answer(
        *measurements, asked({"one": {"protocol.confounders": [{"one": {"share": 0.5}}, {}]}})
    )
    assert (found, [one.differs for one in unequal]) == ([], [{"protocol.validation_samples": (10, 50)}])
    found, unequal = stated.answer(*measurements, asked({"one": {"protocol": ["one", "honest"]}}))  # the whole group
    assert (len(found), unequal) == (1, [])


def test_the_equal_one_of_several_is_compared(study: Study, measured: MeasuredStudy) -> None:
    (study.add(adaptation="lora", number=2) / "config.yaml").write_text("fit: {max_epochs: 20}")
    stored, results = two_runs(measured, study, "fit: {max_epochs: 6}", "fit: {max_epochs: 6}")
    ((one,), unequal) = stated.answer(stored, results, LORA)
    assert stored.config(one.first.group.a_cell) == stored.config(one.second.group.a_cell)
    assert unequal == []


def test_what_is_no_part_of_a_cell_or_follows_from_the_question_is_no_obstacle(
    study: Study, measured: MeasuredStudy
) -> None:
    (study.add(backbone="uni") / "config.yaml").write_text(
        "{backbone: {name: uni, licence: a}, data: {root: /a, url: b}, protocol: {name: honest}, adaptation: {lr: 0.1}}"
    )
    (study.add(backbone="virchow") / "config.yaml").write_text(
        "{backbone: {name: virchow, licence: b}, protocol: {name: mine}, adaptation: {lr: 0.2}, trainer: {threads: 4}}"
    )
    found, unequal = stated.answer(*measured(study), asked({"uni": {"backbone": ["uni", "virchow"]}}))
    assert (len(found), unequal) == (1, [])


def test_what_changes_no_prediction_is_equivalent(study: Study, measured: MeasuredStudy) -> None:
    folders = [study.add(protocol=protocol) for protocol in ("honest", "any_positive")]
    (folders[1] / "predictions.parquet").write_bytes((folders[0] / "predictions.parquet").read_bytes())
    stored, results = measured(study)
    ((one,), _) = stated.answer(stored, results, asked({"label": {"protocol": ["any_positive", "honest"]}}))
    assert (one.difference.value, one.paired, one.outcome) == (0.0, "the same predictions", "equivalent")


def test_equal_predictions_cut_at_unequal_thresholds_differ(study: Study, measured: MeasuredStudy) -> None:
    folders = [study.add(protocol=protocol) for protocol in ("honest", "last_checkpoint")]
    (folders[1] / "predictions.parquet").write_bytes((folders[0] / "predictions.parquet").read_bytes())
    metrics = json.loads((folders[1] / "metrics.json").read_text())
    study.write(folders[1], "metrics.json", metrics | {"threshold": {"value": 0.9, "rule": "fixed"}})
    stored, results = measured(study)
    question = asked({"threshold": {"protocol": ["last_checkpoint", "honest"]}}, metric="balanced_accuracy_chosen")
    ((one,), _) = stated.answer(stored, results, question)
    assert one.difference.value != 0
    assert one.paired == "cells"
    assert one.outcome != "equivalent"
    assert "exchanged" not in stated.tabulate([one], [], question).caption


def test_a_leak_is_said_and_usual_values_are_not(study: Study, report: Callable[[Study], Path]) -> None:
    study.add(split="annotation_kfold", leaks=True, fit="default", domains=("breast",))
    study.add(split="kfold", leaks=False, fit="equal_steps", domains=("breast",))
    settings = [group.configuration.setting for group in group_cells(collect(study.runs, study.name))]
    assert settings == ["split annotation_kfold", "split kfold, fit equal_steps"]
    assert (
        "Tested on samples whose slides were trained on: split annotation_kfold."
        in (report(study) / "report.html").read_text()
    )


def test_keys_that_happen_to_have_the_values_asked_for_are_not_what_is_asked(
    study: Study, measured: MeasuredStudy
) -> None:
    rates = (0.001, 0.01)
    for lr, head_lr in product(rates, rates):
        folder = study.add(lr=lr, head_lr=head_lr, domains=("breast", "lung"))
        (folder / "config.yaml").write_text(f"adaptation: {{lr: {lr}, head_lr: {head_lr}}}\n")
    stored, results = measured(study)
    found, _ = stated.answer(stored, results, asked({"rate": {"adaptation.lr": list(rates)}}))
    heads = [
        [stored.config(side.group.a_cell)["adaptation"]["head_lr"] for side in (one.first, one.second)] for one in found
    ]
    assert sorted(heads) == [[0.001, 0.001], [0.01, 0.01]]


def test_all_answers_are_drawn_unless_they_are_too_many(
    study: Study, measured: MeasuredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(style._METADATA, "pdf")
    study.grid(adaptation=["linear_probe", "full"], fraction=[0.1, 1.0], seed=[42, 43], domains=[("breast", "lung")])
    family = asked({"adaptation": {"adaptation": ["full", "linear_probe"]}, "labels": {"fraction": [0.1, 1.0]}})
    found, unequal = stated.answer(*measured(study), family)
    table = stated.tabulate(found, unequal, family)
    (drawn,) = stated.draw_answers(found, table, family, tmp_path)
    assert drawn.description.count(";") == len(found) - 1 == 3
    assert "full instead of linear_probe, 10 %, " in drawn.description
    assert "10 % of the labels instead of 100 %, full, " in drawn.description
    assert Path(f"{drawn.stem}.svg").is_file()
    assert stated.draw_answers(found * 20, table, family, tmp_path) == []
    assert stated.draw_answers([], table, family, tmp_path) == []


def test_answers_say_why_they_could_not_have_been_decided(study: Study, measured: MeasuredStudy) -> None:
    study.grid(adaptation=["linear_probe", "lora"], fraction=[0.1], seed=[42], domains=[("breast", "lung")])
    study.grid(adaptation=["linear_probe", "lora"], fraction=[1.0], seed=[42, 43], domains=[("breast",)], slides=[1])
    family = asked({"adaptation": {"adaptation": ["lora", "linear_probe"]}})
    found, _ = stated.answer(*measured(study), family)
    table = stated.tabulate(found, [], family)
    assert set(table.shown["outcome"]) == {
        "could not be decided: one training only", "could not be decided: under 6 slides"
    }  # fmt: skip
    assert set(table.full["outcome"]) == {"one training only", "no interval"}
    (tally,) = stated.describe(found, [], family)
    assert "could not be decided (one training only) in 1" in tally


def test_recipes_of_several_keys_are_named_with_what_their_numbers_are(study: Study, measured: MeasuredStudy) -> None:
    left_out = [f"all but {name}" for name in ("breast", "lung", "skin", "colon", "brain")]
    recipes = [("lora", "focal", 8), ("full", "default", 1)]
    for trained, (adaptation, fit, views), seed in product(left_out, recipes, (42, 43)):
        own = {"train_domain": trained, "domains": (trained.removeprefix("all but "),), "seed": seed}
        folder = study.add(adaptation=adaptation, fit=fit, slides=8, **own)
        study.write(folder, "config.yaml", {"fit": {"name": fit, "test_views": views}})
    family = asked({"recipe": {"adaptation": ["lora", "full"], "fit": ["focal", "default"], "fit.test_views": [8, 1]}})
    found, unequal = stated.answer(*measured(study), family)
    assert (len(found), unequal) == (5, [])
    (sides,) = {one.sides for one in found}
    assert sides == ("lora, focal, test_views 8", "full, default, test_views 1")
    table = stated.tabulate(found, [], family)
    assert set(table.full["setting"]) == {"fit focal"}
    assert set(table.shown["setting"]) == {f"trained on {trained}" for trained in left_out}
    (headline,) = say_answers(found, family, None, leaks=False)
    assert headline.words.startswith(
        f"Asked before the runs, on 5 test sets of 13 slides: {' instead of '.join(sides)} ("
    )
