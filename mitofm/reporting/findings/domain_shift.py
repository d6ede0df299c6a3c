"""What a change of domain costs: in-domain minus out-of-domain, and trained on the tested domain minus on another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mitofm.evaluation import statistics
from mitofm.reporting.drawing.captions import describe_fraction
from mitofm.reporting.drawing.forest import Row, draw_forest
from mitofm.reporting.drawing.style import Drawn, make_slug
from mitofm.reporting.finding import Found, Headline, Measured, Section, show_table
from mitofm.reporting.measured.configurations import Configuration
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import DOMAIN, Pair, Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import count_verdicts, find_range, join
from mitofm.reporting.tables import (
    SET,
    TEST_DOMAIN,
    Entry,
    Table,
    make_table,
    name_row,
    show_confounded,
    show_difference,
    show_estimate,
    show_verdict,
)
from mitofm.reporting.wording import list_differences, name_tested, pick_left_out, tell_confounded

IN_DOMAIN, OUT_OF_DOMAIN = "in_domain", "out_of_domain"
_GAP, _TOLD = "in-domain minus out-of-domain AUROC", 3
"""Up to this many gaps are told one by one in a headline."""
_TOGETHER = "Intervals are so wide that those of all rows hold together at 95 % (Bonferroni)."
EQUAL_SIZES = 0.1
"""Two training sets whose sizes differ by less than this share are of equal size."""


def find(measured: Measured) -> Found:
    """Either kind of gap, if its two sides were measured; nothing if there is one domain only."""
    sections, said, headlines, stored = [], [], [], measured.stored
    if measured.domains and (gaps := measure_gaps(stored, measured.results)):
        table, drawn = tabulate_gaps(gaps), draw_gaps(keep_largest(gaps), measured.order, measured.figures)
        sections.append(Section(table.title, describe_fraction(drawn, gaps), drawn, table))
        said += describe_gaps(gaps)
        headlines = say_gaps(gaps, drawn)
    if columns := measure_column_gaps(stored, measured.domains):
        sections.append(show_table(tabulate_column_gaps(stored, columns)))
        said += describe_column_gaps(stored, columns)
    return Found(sections, said, headlines=headlines)


def say_gaps(gaps: Sequence[Pair], drawn: Sequence[Drawn]) -> list[Headline]:
    """What AUROC loses on domains that were never trained on, at the largest fraction; none if no gap is known."""
    known = keep_largest([gap for gap in gaps if gap.difference.value is not None])
    if not known:
        return []
    tested = name_tested(OUT_OF_DOMAIN, pick_left_out([gap.first for gap in known]))
    by_model = group_by(known, lambda gap: (gap.configuration.where, gap.configuration.model))
    members = max(by_model.values(), key=lambda one: (len(one), max(gap.first.auroc.value or 0 for gap in one)))
    if len(by_model) <= 2 and len(members) <= _TOLD:  # of a model and its twin, the one of higher AUROC speaks
        model, slides = members[0].configuration.model, max(gap.second.auroc.slides for gap in members)
        told = list_differences({gap.configuration.adaptation: gap.difference for gap in members})
        words = f"What {model} loses on {slides} {tested} ({_GAP}): {told}"
    else:
        spread = f"{find_range(known, 'at the least and')} at the most"
        words = (
            f"What is lost on {tested} ({_GAP}; above 0 is a loss): {spread}, {count_verdicts(known, 'configurations')}"
        )
    words = f"{words}{tell_confounded([gap.second for gap in known])}."
    return [Headline(2, "domain", words, next(iter(drawn), None))]


def measure_gaps(stored: Stored, results: Iterable[Result]) -> list[Pair]:
    """In-domain minus out-of-domain of every configuration tested on both.

    No slide is in both sets of a seed, but it may be in one of either over the seeds: a domain can be trained on at one
    seed and only tested on at another. So slides are left out of both at once.
    """
    found = []
    for members in group_by(results, lambda result: result.configuration).values():
        sets = {member.set: member for member in members}
        if {IN_DOMAIN, OUT_OF_DOMAIN} <= sets.keys():
            found.append((sets[IN_DOMAIN], sets[OUT_OF_DOMAIN]))
    return _hold_together(stored.compare_all(found, by_slide=True))


def _hold_together(pairs: Sequence[Pair]) -> list[Pair]:
    """With intervals that hold for all pairs at once: how many of them are decided is told in a sentence."""
    count = sum(bool(pair.difference.standard_error) for pair in pairs)
    tail = (1 - statistics.LEVEL) / 2 / max(count, 1)
    reached = iter(
        statistics.reach_all([one.difference for one in pairs if one.difference.standard_error], [tail] * count)
    )
    return [replace(one, difference=next(reached)) if one.difference.standard_error else one for one in pairs]


def tabulate_gaps(gaps: Sequence[Pair]) -> Table:
    """In-domain and out-of-domain AUROC, and the first minus the second."""
    rows = [
        [
            *(entry for entry in name_row(gap.configuration, "") if entry.heading != SET),
            show_estimate("in-domain AUROC", "in_domain", gap.first.auroc),
            show_estimate("out-of-domain AUROC", "out_of_domain", gap.second.auroc),
            show_difference("gap (95 % interval)", "gap", gap.difference),
            Entry("verdict", gap.difference.verdict),
            Entry("slides", f"{gap.first.auroc.slides} + {gap.second.auroc.slides}"),
            *show_confounded(gap.second),
        ]
        for gap in gaps
    ]
    note = (
        "Two sets of slides; the jackknife leaves each slide out of both at once. A gap mixes what the change of domain "
        f"costs with how hard the samples of either domain are. {_TOGETHER}"
    )
    return make_table("gaps", "In-domain minus out-of-domain", rows, note, estimates=[gap.difference for gap in gaps])


def draw_gaps(gaps: Sequence[Pair], order: list[str], folder: Path) -> list[Drawn]:
    """One forest plot per model, one row per training domain and setting."""
    drawn = []
    settings = {gap.configuration.setting for gap in gaps}
    for model, members in sorted(group_by(gaps, lambda gap: gap.configuration.model).items()):
        rows = []
        for gap in members:
            key = gap.configuration
            where = key.where if len(settings) > 1 else key.train_domain and f"trained on {key.train_domain}"
            rows.append(Row(where or "all domains", key.adaptation, gap.difference, twin=key.is_twin))
        heading, axis = join(model, *settings) if len(settings) == 1 else model, "in-domain minus out-of-domain AUROC"
        stem, title = folder / make_slug("gap", model), f"I{axis[1:]}: {model}"
        drawn.append(draw_forest(stem, heading, title, rows, order, axis, about=[model]))
    return drawn


def describe_gaps(gaps: Sequence[Pair]) -> list[str]:
    """The least and the largest gap, and how many are decided."""
    span, verdicts = find_range(gaps, "and"), count_verdicts(gaps, "configurations")
    return [f"In-domain minus out-of-domain AUROC lies between {span}: {verdicts}."] if span else []


def measure_column_gaps(stored: Stored, domains: Sequence[Result]) -> list[Pair]:
    """For every test domain that was also trained on alone: trained on it minus trained on each other domain."""
    names = {result.set.removeprefix(DOMAIN) for result in domains}
    trained: dict[tuple[Configuration, str], dict[str, Result]] = {}
    for result in domains:
        key = replace(result.configuration, train_domain="")
        trained.setdefault((key, result.set), {})[result.configuration.train_domain] = result
    found = []
    for (_, name), by_training in trained.items():
        own = by_training.pop(name.removeprefix(DOMAIN), None)
        if own is not None:
            found += [(own, by_training[other]) for other in sorted(names & by_training.keys())]
    return _hold_together(stored.compare_all(found))


def count_labels(stored: Stored, gap: Pair) -> tuple[float, float, bool]:
    """How many labels either side bought, and whether they are equally many: then domains alone make the difference."""
    own, other = stored.count_labels(gap.first.group), stored.count_labels(gap.second.group)
    return own, other, abs(own - other) < EQUAL_SIZES * max(own, other)


def tabulate_column_gaps(stored: Stored, gaps: Sequence[Pair]) -> Table:
    """A row for each tested domain and each other one."""
    rows = []
    for gap in gaps:
        key, elsewhere = gap.configuration, gap.second.configuration.train_domain
        own, other, fair = count_labels(stored, gap)
        bought = {"labels_own": own, "labels_elsewhere": other, "equal_sizes": fair}
        rows.append(
            [
                *name_row(key, key.train_domain, TEST_DOMAIN, where=key.setting),
                Entry("trained on instead", elsewhere, {"trained_elsewhere": elsewhere} | bought),
                show_difference("gap (95 % interval)", "gap", gap.difference),
                *show_verdict(gap.difference),
                Entry("samples bought", f"{own:,.0f}" if fair else f"{own:,.0f} against {other:,.0f}: unequal"),
            ]
        )
    note = (
        "AUROC on the same samples of the test domain: trained on it minus trained on the other domain, the difficulty of "
        "the samples being equal. Where the training sets are of unequal size the gap is in part one of size. "
        f"{_TOGETHER}"
    )
    title = "What training on another domain costs"
    return make_table("column_gaps", title, rows, note, estimates=[gap.difference for gap in gaps])


def describe_column_gaps(stored: Stored, gaps: Iterable[Pair]) -> list[str]:
    """The least and the largest difference between equally large training sets, and how many are decided."""
    fair = [gap for gap in gaps if count_labels(stored, gap)[2] and gap.difference.value is not None]
    what = "Trained on the tested domain instead of another one, with equally many labels, AUROC differs by"
    return [f"{what} {find_range(fair)}: {count_verdicts(fair, 'pairs')}."] if fair else []
