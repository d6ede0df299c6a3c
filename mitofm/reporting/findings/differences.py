"""Paired differences on the same samples: between adaptations, between models, between amounts of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations, compress
from pathlib import Path
from typing import Any, NamedTuple

from mitofm.evaluation.statistics import LEVEL, Estimate
from mitofm.evaluation.verdicts import compare_families
from mitofm.reporting.drawing.captions import describe_fraction
from mitofm.reporting.drawing.forest import Row, draw_forest
from mitofm.reporting.drawing.readable import MARKS, choose_panels
from mitofm.reporting.drawing.style import Drawn, make_slug
from mitofm.reporting.finding import Found, Headline, Measured, Section, show_table
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import ALL, Pair, Result, collect_names
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import count_verdicts, find_range, format_difference, join, name_set, name_subset
from mitofm.reporting.tables import (
    Entry,
    Table,
    hide,
    make_table,
    name_row,
    show_confounded,
    show_difference,
    show_search,
    show_verdict,
)
from mitofm.reporting.wording import list_differences, name_tested, pick_left_out, tell_confounded

ADAPTATION, MODEL, SHARE = "adaptation", "model", "share"  # axes: attributes of a configuration
_AXIS = "difference of AUROC on the same samples"
_AT_ONCE = 64  # families that are compared together
_FEW, _TOLD = 6, 3
"""Up to this many are told one by one, in all sentences and in a headline; more are counted."""
_PAIRED = (
    "Same test samples on both sides; the interval is over slides and trainings of the difference itself. Intervals are so "
    "wide that those of all pairs of one setting hold together at 95 % (Tukey and Kramer), whichever pair is picked."
)
_PICKED = f"The model of highest AUROC minus each other. {_PAIRED}"


def find(measured: Measured) -> Found:
    """The differences along each axis, those of adaptations also drawn and in sentences."""
    axes = compare_axes(measured)
    adaptations = next((one.pairs for one in axes if one.axis == ADAPTATION), [])
    drawn, left_out = draw_adaptations(adaptations, measured.figures)
    text = f"{describe_fraction(drawn, adaptations)} {left_out}".strip()
    sections = [Section("Paired differences of adaptations", text, drawn)] if drawn else []
    sections += [show_table(one.table) for one in axes]
    headlines = [said for one in axes for said in say_differences(one, measured.leaks, drawn)]
    return Found(sections, describe_adaptations(adaptations), headlines=headlines)


class Along(NamedTuple):
    """The differences along an axis: where they stand among the headlines, and the name, title and note of their table."""

    rank: int
    name: str
    title: str
    axis: str
    pairs: Sequence[Pair]
    note: str

    @property
    def table(self) -> Table:
        """A row for each difference."""
        return tabulate(self.name, self.title, self.axis, self.pairs, self.note)


def compare_axes(measured: Measured) -> list[Along]:
    """The axes along which there are any differences."""
    stored, results = measured.stored, measured.primary
    adaptations = compare_adaptations(stored, results, measured.order)
    models, fractions = compare_models(stored, results), compare_fractions(stored, results)
    found = (
        Along(3, "adaptations", "Adaptations compared", ADAPTATION, adaptations, _PAIRED),
        Along(4, "models", "Models compared", MODEL, models, _PICKED),
        Along(5, "fractions", "What more labels are worth", SHARE, fractions, _PAIRED),
    )
    return [one for one in found if one.pairs]


def say_differences(along: Along, leaks: bool, drawn: Sequence[Drawn]) -> list[Headline]:
    """The differences where AUROC is highest, among the places of most pairs; none if none is known."""
    known = [pair for pair in along.pairs if pair.difference.value is not None]
    if not known:
        return []
    if along.axis != SHARE:
        known = keep_largest(known)

    def place(pair: Pair) -> tuple[str, ...]:
        key = pair.configuration
        own = {ADAPTATION: key.adaptation, MODEL: key.model, SHARE: key.share}
        return key.where, pair.first.set, *(words for axis, words in own.items() if axis != along.axis)

    places = sorted(group_by(known, place).items())
    _, members = max(places, key=lambda one: (len(one[1]), max(pair.first.auroc.value or 0 for pair in one[1])))
    shown = members if along.axis != SHARE else members[-1:]
    key, tested = members[0].configuration, name_tested(members[0].first.set, pick_left_out([members[0].first]), leaks)
    own = {MODEL: key.model, ADAPTATION: key.adaptation, SHARE: key.amount}
    named = join(*(words for axis, words in own.items() if axis != along.axis), key.where)
    if len(shown) <= _TOLD:
        told = list_differences({_name_instead(pair, along.axis): pair.difference for pair in shown}, "by ")
    else:
        told = f"{along.axis}s by {find_range(shown)}, {count_verdicts(shown, 'comparisons')}"
    slides = max(pair.difference.slides for pair in shown)
    words = f"On {slides} {tested} ({named}), AUROC differs: {told}{tell_confounded([pair.first for pair in shown])}."
    figure = next(iter(drawn), None) if along.axis == ADAPTATION else None
    return [Headline(along.rank, along.axis, words, figure)]


def compare_adaptations(stored: Stored, results: Iterable[Result], order: list[str]) -> list[Pair]:
    """Of every two adaptations of the same model, the later in `order` minus the earlier."""
    strata = _sort(results, lambda one: order.index(one.configuration.adaptation), adaptation="")
    return _compare(
        stored, (Family(members, [(j, i) for i, j in combinations(range(len(members)), 2)]) for members in strata)
    )


def compare_models(stored: Stored, results: Iterable[Result]) -> list[Pair]:
    """The model of highest AUROC minus each other model, under the same adaptation."""
    strata = _sort(results, lambda one: -(one.auroc.value or 0.0), model="")
    return _compare(stored, map(_pair_first, strata))


def compare_fractions(stored: Stored, results: Iterable[Result]) -> list[Pair]:
    """The largest fraction minus each smaller one, of the same model and adaptation."""
    strata = _sort(results, lambda one: -one.configuration.fraction, fraction=0.0)
    return _compare(stored, map(_pair_first, strata))


class Family(NamedTuple):
    """Results, and pairs of their places, whose differences hold together for all pairs of them."""

    members: Sequence[Result]
    pairs: Sequence[tuple[int, int]]


def _pair_first(members: Sequence[Result]) -> Family:
    return Family(members, [(0, other) for other in range(1, len(members))])


def _compare(stored: Stored, families: Iterable[Family]) -> list[Pair]:
    families = [family for family in families if family.pairs]
    portions = (families[at : at + _AT_ONCE] for at in range(0, len(families), _AT_ONCE))
    return [pair for portion in portions for pairs in compare_together(stored, portion) for pair in pairs]


def compare_together(stored: Stored, families: Sequence[Family]) -> list[list[Pair]]:
    """The pairs of each family with intervals that would hold together for all pairs of its members, kept for the next report."""

    def spell(family: Family) -> list[Any]:
        cells = stored.spell_all(family.members)
        return ["differences", cells, [one.set for one in family.members], family.pairs]

    def compare(lacking: list[int]) -> list[list[dict[str, Any]]]:
        alone = []
        for members, pairs in (families[place] for place in lacking):
            level = LEVEL if len(members) < 3 else None
            found = [stored.compare(members[one], members[other], level).difference for one, other in pairs]
            alone.append((found, len(members)))
        return [[one.spell() for one in together] for together in compare_families(alone, stored.find_range)]

    found = stored.kept.get_all(list(map(spell, families)), compare)
    return [
        [
            Pair(members[one], members[other], Estimate.of(plain))
            for (one, other), plain in zip(pairs, plains, strict=True)
        ]
        for (members, pairs), plains in zip(families, found, strict=True)
    ]


def _sort(results: Iterable[Result], rank: Callable[[Result], float], **same: Any) -> list[list[Result]]:
    """The results that differ in nothing but the axis that `same` makes equal, in the order of their rank."""
    strata = group_by(results, lambda result: (replace(result.configuration, **same), result.set))
    return [sorted(members, key=rank) for members in strata.values()]


def name_pair(pair: Pair, axis: str = ADAPTATION) -> str:
    """The two sides in words."""
    return " \N{MINUS SIGN} ".join(getattr(side.configuration, axis) for side in (pair.first, pair.second))


def _name_instead(pair: Pair, axis: str) -> str:
    return " instead of ".join(getattr(side.configuration, axis) for side in (pair.first, pair.second))


def tabulate(name: str, title: str, axis: str, pairs: Sequence[Pair], note: str) -> Table:
    """The differences along one axis."""
    rows = (
        [
            *hide(name_row(pair.configuration, pair.first.set), "labels" if axis == SHARE else axis),
            Entry("difference", name_pair(pair, axis), _list_sides(pair, axis) | {"seeds": pair.difference.seeds}),
            show_difference("AUROC (95 % interval)", "difference", pair.difference),
            *show_verdict(pair.difference),
            *show_search(pair.first, pair.second),
            *show_confounded(pair.first),
        ]
        for pair in pairs
    )
    return make_table(name, title, rows, note, estimates=[pair.difference for pair in pairs])


def _list_sides(pair: Pair, axis: str) -> dict[str, Any]:
    return {side: getattr(getattr(pair, side).configuration, axis) for side in ("first", "second")}


def draw_adaptations(pairs: Iterable[Pair], folder: Path) -> tuple[list[Drawn], str]:
    """Differences at the largest fraction, a forest plot per setting and evaluation set with a row per model.

    Also a sentence on those that are left out.
    """
    known = [pair for pair in pairs if pair.difference.value is not None]
    panels = {
        place: keep_largest(members)
        for place, members in group_by(known, lambda one: (one.configuration.where, one.first.set)).items()
    }
    many = any(len(members) > MARKS for members in panels.values())
    chosen, left_out = choose_panels(panels, lambda one: one.first.auroc.value, 2 if many else 1)
    drawn = []
    for where, tested in chosen:
        members = panels[where, tested]
        rows = [
            Row(one.configuration.model, name_pair(one), one.difference, twin=one.configuration.is_twin)
            for one in members
        ]
        heading = join(where, name_subset(tested), members[0].configuration.amount)
        title, stem = f"Paired differences of adaptations: {heading}", folder / make_slug("differences", where, tested)
        about = collect_names(side for one in members for side in (one.first, one.second))
        order = list(dict.fromkeys(map(name_pair, members)))
        drawn.append(draw_forest(stem, heading, title, rows, order, _AXIS, about=about))
    return drawn, left_out


def describe_adaptations(pairs: Iterable[Pair]) -> list[str]:
    """What the differences of every two adaptations say at the largest fraction: one by one if they are few."""
    known = [pair for pair in pairs if pair.difference.value is not None]
    return [_describe(name, keep_largest(members)) for name, members in group_by(known, name_pair).items()]


def _describe(name: str, members: Sequence[Pair]) -> str:
    name = f"{name} with {members[0].configuration.amount}, AUROC on the same samples"
    if len(members) <= _FEW:
        places = [_name_place(one) for one in members]
        alike = [len(set(words)) == 1 for words in zip(*places, strict=True)]  # said once if it is the same for all
        name = join(name, *compress(places[0], alike))
        own = [join(*(word for word, same in zip(place, alike, strict=True) if not same)) for place in places]
        each = "; ".join(
            f"{f'{words} ' if words else ''}{format_difference(one.difference)}, {one.difference.verdict}"
            for words, one in zip(own, members, strict=True)
        )
        return f"{name}: {each}."
    return f"{name}: {count_verdicts(members, 'comparisons')}; differences from {find_range(members)}."


def _name_place(pair: Pair) -> tuple[str, ...]:
    key, tested = pair.configuration, pair.first.set
    trained = f"trained on {key.train_domain}" if key.train_domain else ""
    return key.model, key.setting, trained, f"tested {name_set(tested)}" if tested != ALL else ""
