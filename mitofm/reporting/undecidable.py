"""What a grid cannot decide whatever its cells will measure, why, and the way out: in sentences, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pandas as pd

from mitofm.data.splits.part import Split
from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import MINIMUM_EFFECTIVE, MINIMUM_SLIDES, NO_INTERVAL, ONE_TRAINING
from mitofm.ground.errors import MitofmError
from mitofm.reporting.answers import Answer
from mitofm.reporting.findings import stated
from mitofm.reporting.findings.cautions import describe_left_out
from mitofm.reporting.foreseen import Imagined, foresee_cells
from mitofm.reporting.measured.configurations import group_cells, name_seed
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import AUROC, DOMAIN, Result, pick_domains, pick_primary
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import join, name_subset
from mitofm.runs.collect import COLUMNS, Collected, collect
from mitofm.runs.folder import DamagedCell
from mitofm.runs.foresight import Tried, describe_seeds, suggest_seeds
from mitofm.training.settings import Settings

_FEW = 4
"""So many test sets or settings are told; more are counted."""


def list_undecidable(cells: Sequence[Settings], tried: Tried) -> Iterator[str]:
    """A line for each thing that a grid, with the finished cells of its study, cannot decide; none if it can all be.

    Cells that cannot be split are left out; so is all else if the grid's cells cannot be told apart.

    Args:
        cells: of one study.
        tried: their splits, those that were made already.
    """
    coming: dict[str, tuple[Settings, Split]] = {}
    for settings in cells:
        split = tried.split(settings)
        if isinstance(split, Split):
            coming[tried.name(settings)] = settings, split
    if not coming:
        return
    runs, study, asked = cells[0].paths.runs, cells[0].study, cells[0].comparisons
    nothing = Collected(runs, pd.DataFrame(columns=list(COLUMNS)))
    try:
        yield from _judge(_read_finished(runs, study) or nothing, coming, asked, cells[0].paths.cache)
    except DamagedCell:  # of an earlier command: the report will name it
        yield from _judge(nothing, coming, asked, cells[0].paths.cache)


def _read_finished(runs: Path, study: str) -> Collected | None:
    with suppress(MitofmError):  # there is no such study yet
        return collect(runs, study)
    return None


def _judge(
    finished: Collected, coming: Mapping[str, tuple[Settings, Split]], asked: Comparisons | None, cache: Path
) -> list[str]:
    foreseen = foresee_cells(finished, coming)
    stored = Imagined(foreseen, Kept(cache / "statistics"))
    try:
        groups = group_cells(foreseen)
    except MitofmError as error:
        return [f"whether it can decide anything is not known: {error}"]
    results = [
        Result(group, name, {AUROC: stored.estimate(group, name)}) for group in groups for name in stored.sets(group)
    ]
    said = [describe_seeds({name_seed(key) for group in groups for key in group.done})]
    if not said[0]:
        said = list(_describe_single(results))
    primary = pick_primary(results)
    said += _describe_sets(stored, primary)
    said += [*_describe_domains(pick_domains(results), _name_unit(stored)), *describe_left_out(primary)]
    if asked is not None:
        said += _describe_stated(stored, results, asked)
    return [one for one in said if one]


def _name_unit(stored: Stored) -> str:
    """What test sets are counted in: "patient", if patients are known, else "slide" (or "image", if no slide is)."""
    units = set(stored.collected.done["slide_unit"])
    return units.pop() if len(units) == 1 else "slide"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' if number != 1 else ''}"


def _describe_single(results: Sequence[Result]) -> Iterator[str]:
    """The configurations that have one seed, if others have several."""
    single = {one.configuration for one in results if len({name_seed(key) for key in one.group.done}) == 1}
    if single:
        of = len({one.configuration for one in results})
        example = min(single)
        named = join(example.model, example.adaptation, example.share, example.where)
        yield f"with one seed nothing can be said of methods: {len(single)} of {of} configurations have one, as {named}"


def _describe_sets(stored: Stored, results: Sequence[Result]) -> Iterator[str]:
    """The test sets without an interval, each once: configurations share them."""

    def place(result: Result) -> tuple[str, str]:
        key = result.configuration
        return join(f"test set {result.set} of {key.dataset}", key.where), _describe_lack(result, _name_unit(stored))

    lacking = group_by((one for one in results if one.auroc.why), place)
    for (named, words), members in islice(lacking.items(), _FEW):
        yield f"{named} {words}; {_find_way_out(stored, members[0])}"
    if len(lacking) > _FEW:
        yield f"{len(lacking) - _FEW} more test sets give no interval"


def _describe_lack(result: Result, unit: str) -> str:
    """What a test set lacks for an interval, in the units that `_name_unit` names."""
    found = result.auroc
    if found.value is None:
        return "lacks a class at every seed: it gives no number"
    if found.slides < MINIMUM_SLIDES:
        return f"has {_count(found.slides, unit)}: no interval under {MINIMUM_SLIDES}"
    if found.effective_slides < MINIMUM_EFFECTIVE:
        return (
            f"has {_count(found.slides, unit)} that tell as much as {found.effective_slides:.1f} of equal size: no interval "
            f"under {MINIMUM_EFFECTIVE:g}"
        )
    return f"gives no interval: {found.why}"


def _find_way_out(stored: Stored, result: Result) -> str:
    chances = [tested.get("test_chance") for tested in stored.predictions(result.group, result.set).values()]
    if all(chance is not None and (chance == 1).all() for chance in chances):
        return f"no seed adds any, so more {_name_unit(stored)}s are needed"
    return "further seeds draw others, and the folds of split=kfold test all"


def _describe_domains(results: Sequence[Result], unit: str) -> Iterator[str]:
    """The test domains without an interval, if there are several domains."""
    found = group_by(results, lambda one: one.set)
    lacking = {
        name.removeprefix(DOMAIN): min(one.auroc.slides for one in members if one.auroc.why)
        for name, members in found.items()
        if any(one.auroc.why for one in members)
    }
    if len(found) > 1 and lacking:
        told = ", ".join(f"{name} ({_count(slides, unit)})" for name, slides in lacking.items())
        yield f"{len(lacking)} of {len(found)} test domains have no interval of their own: {told}"


def _describe_stated(stored: Stored, results: Sequence[Result], asked: Comparisons) -> Iterator[str]:
    """The stated comparisons without an answer, or with answers that could not be decided."""
    found, unequal = stated.answer(stored, results, asked)
    apart = group_by(unequal, lambda one: one.question)
    for question in asked.questions:
        named = f"stated comparison {stated.spell(question.name)}"
        answers = [one for one in found if one.question == question.name]
        lacking = [one for one in answers if one.outcome in (ONE_TRAINING, NO_INTERVAL)]
        for reason, members in group_by(lacking, lambda one: _explain(stored, one)).items():
            places = list(dict.fromkeys(filter(None, map(_name_place, members))))
            told = f" ({'; '.join(places[:_FEW])}{'; ...' if len(places) > _FEW else ''})" if places else ""
            among = "" if len(members) == len(answers) else f" in {len(members)} of its {len(answers)} settings"
            yield f"{named}{told} cannot be decided{among}: {reason}"
        for one in apart.get(question.name, ()):
            yield f"stated comparison {one.words}: it will not be measured"
        if not answers and question.name not in apart:
            sides = [", ".join(f"{key}={side[key]}" for key in side) for side in (question.first, question.second)]
            yield f"{named} has no cells to compare here: it needs {' and '.join(sides)} on test set {asked.test_set or 'any'}"


def _explain(stored: Stored, one: Answer) -> str:
    """Why a comparison cannot be decided, and the way out."""
    if one.outcome == ONE_TRAINING:
        common = next(key for key in one.first.group.done if key in one.second.group.done)
        return f"{ONE_TRAINING}: {suggest_seeds(name_seed(common))}"
    for side in (one.first, one.second):
        if side.auroc.why:
            return f"its test set {_describe_lack(side, _name_unit(stored))}; {_find_way_out(stored, side)}"
    return f"{one.difference.why}: give both sides the same seeds"


def _name_place(one: Answer) -> str:
    return join(one.first.configuration.where, name_subset(one.first.set))
