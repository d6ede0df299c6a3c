"""The highest AUROC at each amount of labels; a forest plot of all if there is one amount only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mitofm.reporting.drawing.captions import describe_marks, describe_twins
from mitofm.reporting.drawing.forest import Row, draw_forest
from mitofm.reporting.drawing.style import Drawn, find_limits, make_slug
from mitofm.reporting.finding import Found, Headline, Measured, Section
from mitofm.reporting.findings.scaling import find_panels
from mitofm.reporting.measured.configurations import Configuration
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import ALL, Result, collect_names
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import format_interval, format_range, join, make_title, name_set, name_subset
from mitofm.reporting.wording import name_one, name_tested, pick_left_out

_FEW = 6
"""Up to this many are told one by one."""


def find(measured: Measured) -> Found:
    """The best in sentences, and every model and adaptation in figures unless scaling curves show them."""
    said = describe(measured.primary, measured.stored)
    if find_panels(measured.primary):
        return Found(answer=said, headlines=say_best(measured))
    text = (
        f"{describe_marks((one.auroc for one in measured.primary), 'Dots', 'bars')}. {describe_twins(measured.primary)}"
    )
    drawn = draw_forests(measured.primary, measured.order, measured.figures)
    return Found(
        [Section("AUROC of each model and adaptation", text.strip(), drawn)], said, headlines=say_best(measured, drawn)
    )


def say_best(measured: Measured, drawn: Sequence[Drawn] = ()) -> list[Headline]:
    """The highest AUROC where most were compared, at the largest fraction, and what an AUROC is; none without any."""
    known = [result for result in measured.primary if result.auroc.value is not None]
    strata = sorted(group_by(known, lambda one: (one.configuration.where, one.set)).items())
    if not strata:
        return []
    members = max((keep_largest(found) for _, found in strata), key=len)
    best = max(members, key=_rank)
    key, found, (negative, positive) = best.configuration, best.auroc.among(len(members)), measured.classes
    bought = f"{measured.stored.count_labels(best.group):,.0f} samples"
    once = "trained once" if found.seeds == 1 else ""
    what = join(f"{key.amount}: {bought}", key.where, once)
    of = f", the highest of {len(members)}" if len(members) > 1 else ""
    tested = name_tested(best.set, pick_left_out(members), measured.leaks)
    words = (
        f"On {found.slides} {tested}, {key.model} with {key.adaptation} ({what}) ranks {name_one(positive)} above {name_one(negative)} in "
        f"{100 * (found.value or 0):.0f} of 100 pairs: AUROC {format_interval(found)}{of}."
    )
    return [Headline(1, "best", words, next(iter(drawn), None))]


def describe(results: Iterable[Result], stored: Stored) -> list[str]:
    """The configuration of highest AUROC for every setting, evaluation set and fraction, the largest fraction first.

    At the largest fraction only if that would be many sentences. Training domains that the same one leads share a sentence.
    """
    known = [result for result in results if result.auroc.value is not None]
    strata = group_by(known, lambda one: (one.configuration.where, one.set, -one.configuration.fraction))
    if len(strata) > _FEW:
        strata = {key: members for key, members in strata.items() if key[2] == min(strata, key=lambda key: key[2])[2]}
    best = [(max(members, key=_rank), len(members)) for _, members in sorted(strata.items())]

    def name(one: tuple[Result, int]) -> tuple[Configuration, str, int]:
        return replace(one[0].configuration, train_domain=""), one[0].set, one[1]

    return [_describe_one([one for one, _ in alike], of, stored) for (_, _, of), alike in group_by(best, name).items()]


def _rank(result: Result) -> tuple[float, Configuration]:
    return result.auroc.value or 0.0, result.configuration


def _describe_one(best: Sequence[Result], of: int, stored: Stored) -> str:
    """The best one of `of`, of one training domain or the same one of several."""
    key, several = best[0].configuration, len(best) > 1
    place = f"With {key.amount} ({format_range([stored.count_labels(one.group) for one in best])} samples)"
    where = key.setting if several else key.where
    place += f", {where}" if where else ""
    place += f", tested {name_set(best[0].set)}" if best[0].set != ALL else ""
    among = f", the highest of {of} (the interval allows for the choice)" if of > 1 else ""
    reaches = f"an AUROC of {format_interval(best[0].auroc.among(of))}{among}"
    if several:
        ordered = sorted(best, key=_rank, reverse=True)
        each = "; ".join(
            f"{one.configuration.train_domain or 'all'} {format_interval(one.auroc.among(of))}" for one in ordered
        )
        reaches = f"these AUROCs{among}, by what it was trained on: {each}"
    whys = "; ".join(dict.fromkeys(one.auroc.why for one in best if one.auroc.why))
    unsure = f" No interval: {whys}." if whys else ""
    return f"{place}: {key.model} with {key.adaptation} reaches {reaches}.{unsure}"


def draw_forests(results: Sequence[Result], order: list[str], folder: Path) -> list[Drawn]:
    """AUROC of every model under each adaptation: one figure per setting and evaluation set."""
    bounds = find_limits(result.auroc for result in results)
    drawn = []
    for (where, tested), members in sorted(group_by(results, lambda one: (one.configuration.where, one.set)).items()):
        rows = [
            Row(one.configuration.model, one.configuration.adaptation, one.auroc, twin=one.configuration.is_twin)
            for one in members
        ]
        stem, heading = folder / make_slug("auroc", where, tested), join(where, name_subset(tested))
        title = make_title("AUROC of each model and adaptation", heading)
        drawn.append(draw_forest(stem, heading, title, rows, order, "AUROC", bounds, about=collect_names(members)))
    return drawn
