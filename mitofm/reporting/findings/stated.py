"""The comparisons that a study stated before it ran: which of its results they mean, and the answers in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitofm.evaluation.comparisons import Comparisons, Question
from mitofm.evaluation.statistics import NO_INTERVAL, NOT_DECIDED, ONE_TRAINING
from mitofm.evaluation.verdicts import BETTER, EQUIVALENT, WORSE
from mitofm.reporting.answers import Answer, answer_family, explain
from mitofm.reporting.contrasts import add_implied, count_outcomes, name_contrast, say_answers
from mitofm.reporting.drawing.forest import Row, draw_forest
from mitofm.reporting.drawing.style import Drawn
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.configurations import compare_configs
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import METRICS, Result, pick_primary
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import explain_outcome, format_difference, join, name_subset
from mitofm.reporting.tables import ADAPTATION, AXES, SETTING, Entry, Table, make_table, name_row, show_confounded
from mitofm.reporting.tables import LABELS as SHARES
from mitofm.runs.keys import LABELS, may_change_results

_FOLLOWS = {"backbone": ("adaptation.lr",)}
"""Keys whose values a group may decide: a learning rate belongs to a backbone's family and an adaptation."""
_AXES = {"fraction": SHARES, "adaptation": ADAPTATION}
_FEW = 3
_READABLE = 40  # rows of a figure
_OUTCOMES = (BETTER, WORSE, EQUIVALENT, NOT_DECIDED, ONE_TRAINING, NO_INTERVAL)
TITLE = "Comparisons stated before the runs"


@dataclass(frozen=True)
class Unequal:
    """What a question would have compared somewhere, but for what else differs between the sides there.

    Attributes:
        question: that it is no answer to.
        where: what is equal, in words.
        differs: by key of the configuration, in what the sides that are closest to each other differ.
    """

    question: str
    where: str
    differs: Mapping[str, tuple[Any, Any]]

    @property
    def words(self) -> str:
        """Why there is no answer."""
        told = [f"{key} ({one} against {other})" for key, (one, other) in self.differs.items()]
        more = f" and {len(told) - _FEW} more" if len(told) > _FEW else ""
        where = f" ({self.where})" if self.where else ""
        return f"{spell(self.question)}{where}, whose sides also differ in {', '.join(told[:_FEW])}{more}"


def find(measured: Measured) -> Found:
    """The answers in a figure, a table and sentences; nothing if the study stated nothing."""
    collected = measured.stored.collected
    if collected.stated is None:
        return Found()
    asked = Comparisons.from_config(collected.stated)
    found, unequal = answer(measured.stored, measured.results, asked)
    said = describe(found, unequal, asked)
    if not found:
        return Found([Section(TITLE, describe_unanswered(found, unequal, asked))], said)
    table = tabulate(found, unequal, asked)
    drawn = draw_answers(found, table, asked, measured.figures)
    headlines = say_answers(found, asked, next(iter(drawn), None), measured.leaks)
    return Found([Section(TITLE, figures=drawn, table=table)], said, headlines=headlines)


def answer(stored: Stored, results: Sequence[Result], asked: Comparisons) -> tuple[list[Answer], list[Unequal]]:
    """An answer for every pair of configurations that a question means, in every setting and on every test set it means.

    All keys that make the identity of a cell, but for those that a question varies, are equal in a pair; if a question
    finds both sides but no such pair, that is told instead. `results` are those on all evaluation sets.
    """
    results = pick_primary(results) if asked.test_set is None else [one for one in results if one.set == asked.test_set]
    found = [one for question in asked.questions for one in _pair(stored, results, question)]
    family = [one for one in found if isinstance(one, Answer)]
    return answer_family(stored, family, asked.metric, asked.margin), [one for one in found if isinstance(one, Unequal)]


def _pair(stored: Stored, results: Sequence[Result], question: Question) -> Iterator[Answer | Unequal]:
    """The results that the question compares: equal in all but the keys it varies."""
    varied = add_implied(question.varied)
    places: dict[Any, tuple[list[Result], list[Result]]] = {}
    for result in results:
        for side, wanted in enumerate((question.first, question.second)):
            if all(_is_same(_read_value(stored, result, key), value) for key, value in wanted.items()):
                labels = [
                    str(value) for key, value in result.group.axes.items() if "." not in key and key not in varied
                ]
                places.setdefault((*labels, result.set), ([], []))[side].append(result)
    first, second = (", ".join(_spell_side(side, question.varied)) for side in (question.first, question.second))
    for firsts, seconds in places.values():
        pairs = [(one, other, _compare_keys(stored, question, one, other)) for one in firsts for other in seconds]
        equal = [Answer(question.name, (first, second), one, other) for one, other, differs in pairs if not differs]
        yield from equal
        if pairs and not equal:
            one, _, differs = min(pairs, key=lambda pair: len(pair[2]))
            yield Unequal(question.name, join(one.configuration.where, name_subset(one.set)), differs)


def _spell_side(side: Mapping[str, Any], varied: Sequence[str]) -> Iterator[str]:
    """A choice by its name, a number with that of its key: "full", "test_views 8"."""
    for key in varied:
        _, dot, last = key.rpartition(".")
        yield f"{last} {side[key]}" if dot and isinstance(side[key], int | float) else str(side[key])


def _compare_keys(stored: Stored, question: Question, one: Result, other: Result) -> dict[str, tuple[Any, Any]]:
    """The keys of the configurations in which they differ, besides those that the question varies and what follows from these."""
    # A label that is named like a group but is not its name (`protocol`, of the confounders) varies one key of the group.
    part = {label for label, keys in LABELS.items() if label not in question.varied and f"{label}.name" not in keys}
    varied = add_implied(question.varied) - part
    may = (*varied, *(key for group in varied for key in _FOLLOWS.get(group, ())))
    groups = [(question.first[key], question.second[key]) for key in question.varied if "." not in key]
    differs = compare_configs(*(stored.config(side.group.a_cell) for side in (one, other)))
    return {
        key: pair
        for key, pair in differs.items()
        if may_change_results(key, *pair)
        and pair not in groups  # ${backbone.name} of a confounder, say
        and not any(key == name or key.startswith(f"{name}.") for name in may)
    }


def _read_value(stored: Stored, result: Result, key: str) -> Any:
    """What a configuration has at `key`: one of its labels, or what its cells' config says."""
    if key in result.group.axes:
        return result.group.axes[key]
    value: Any = stored.config(result.group.a_cell)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _is_same(found: Any, wanted: Any) -> bool:
    return found == wanted or (found is not None and wanted is not None and str(found) == str(wanted))


def describe(found: Sequence[Answer], unequal: Sequence[Unequal], asked: Comparisons) -> list[str]:
    """The answers in words, and what could not be compared; none if there was nothing to compare."""
    said = []
    if found:
        said += [
            f"Comparisons that the study stated before it ran ({METRICS[asked.metric]}, margin {asked.margin:g}, corrected "
            f"for their number, {len(found)}): {count_outcomes(found)}."
        ]
    for question, members in group_by(found, lambda one: one.question).items():
        if len(members) == 1:
            (one,) = members
            outcome = explain_outcome(one.outcome, one.difference)
            also = f" (missing from training, too: {one.first.confounded})" if one.first.confounded else ""
            said.append(f"{spell(question)}: {one.pair} is {format_difference(one.corrected)}, {outcome}{also}.")
    return [*said, *_describe_unequal(unequal)]


def tabulate(found: Sequence[Answer], unequal: Sequence[Unequal], asked: Comparisons) -> Table:
    """Every answer, and which questions the cells gave none to."""
    meant = {"metric": asked.metric, "margin": asked.margin}
    rows = [
        [
            Entry("question", spell(one.question), {"question": one.question}),
            *name_row(one.first.configuration, one.first.set, where=_name_shared_setting(one)),
            Entry("difference", one.pair, {"first": one.sides[0], "second": one.sides[1]} | meant),
            *one.list_entries(METRICS[asked.metric]),
            *show_confounded(one.first),
        ]
        for one in found
    ]
    note = f"Stated in the study's sweep.yaml before its first cell ran. {explain(found, asked.margin)}"
    left = describe_unanswered(found, unequal, asked)
    note += f" {left}" if left else ""
    return make_table("stated", TITLE, rows, note, estimates=[one.difference for one in found])


def _name_shared_setting(one: Answer) -> str:
    """The setting and the training domain, without what a question varies."""
    first, second = one.first.configuration, one.second.configuration
    shared = set(second.setting.split(", "))
    return replace(first, setting=", ".join(part for part in first.setting.split(", ") if part in shared)).where


def draw_answers(found: Sequence[Answer], table: Table, asked: Comparisons, folder: Path) -> list[Drawn]:
    """The answers, coloured by outcome, the margin shaded; nothing if they are too many to read.

    `table` has a row for each answer: what differs between its rows names those of the figure.
    """
    if not 0 < len(found) <= _READABLE:
        return []
    told = [column for column in AXES if column in table.shown]
    varied = {question.name: add_implied(question.varied) for question in asked.questions}
    rows = []
    for one, (_, names) in zip(found, table.shown[told].iterrows(), strict=True):
        where = names.pop(SETTING) if SETTING in told else ""
        own = {column for axis, column in _AXES.items() if axis in varied[one.question]}  # the head says it
        name = join(*(name for column, name in names.items() if column not in own and name != one.sides[0]))
        rows.append(Row(name, one.outcome, one.corrected, join(name_contrast(one, varied[one.question]), where)))
    if len({row[:1] + row[3:] for row in rows}) < len(rows):  # what differs between questions is no name of a row
        rows = [row._replace(head=join(spell(one.question), row.head)) for row, one in zip(rows, found, strict=True)]
    rows = [row for row in rows if row.estimate.value is not None]
    if not rows:
        return []
    title = f"What the study asked before it ran; shaded: {asked.margin:g} either way counts as equal"
    axis = f"difference of {METRICS[asked.metric]}"
    return [draw_forest(folder / "stated", "", title, rows, _OUTCOMES, axis, margin=asked.margin)]


def describe_unanswered(found: Sequence[Answer], unequal: Sequence[Unequal], asked: Comparisons) -> str:
    """The questions that the cells gave no answer to, in sentences; empty if there are none."""
    told = {one.question for one in found} | {one.question for one in unequal}
    left = [spell(one.name) for one in asked.questions if one.name not in told]
    said = [f"Stated, but without finished cells to compare: {'; '.join(left)}."] if left else []
    return " ".join([*said, *_describe_unequal(unequal)])


def _describe_unequal(unequal: Sequence[Unequal]) -> list[str]:
    return [f"Not measured: {'; '.join(one.words for one in unequal)}."] if unequal else []


def spell(question: str) -> str:
    """The name of a question in words."""
    return question.replace("_", " ")
