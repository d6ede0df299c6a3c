"""How many positives each slide has among its given candidates, as annotated and as predicted, and how well both agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mitofm.evaluation.at_once import NUMBERS
from mitofm.evaluation.count_agreement import (
    CALLED,
    CORRECTED,
    KAPPA,
    MEASURES,
    Agreement,
    classify,
    estimate_agreements,
    replicate_many,
)
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.configurations import Group, name_seed
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import ALL, DOMAIN, Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import NOTHING, format_difference
from mitofm.reporting.tables import SET, TEST_DOMAIN, Entry, Table, make_table, name_row, show_estimate, show_support

AREA_MM2 = 2.0
"""To which counts are scaled if the card states the area of a slide."""
_SERIES = 12  # models with their adaptations in the table of slides
_WAYS = {CALLED: "at the threshold", CORRECTED: "prevalence-corrected"}
_AT_ONCE = 64  # results that are measured together


@dataclass(frozen=True)
class Agreed(Result):
    """How a way of predicting counts agrees with the annotated ones on an evaluation set; `cut_offs` are its domain's."""

    metrics: Agreement
    way: str
    counted: float
    predicted: float
    cut_offs: Mapping[str, Any] | None


def find(measured: Measured) -> Found:
    """Agreement on the primary sets, by domain, and the slides; nothing of leaking splits and of slides of one sample each."""
    counted = Counted(measured.stored)
    leaky = set(measured.done.loc[measured.done["leaks"].eq(True), "cell"])

    def measure(results: Sequence[Result]) -> list[Agreed]:
        sound = [one for one in results if leaky.isdisjoint(one.group.done.values())]
        return measure_all(counted, sound)

    primary = measure(measured.primary)
    if not primary:
        return Found()
    word = measured.classes[1]
    unit = f"per {AREA_MM2:g} mm²" if _read_card(measured.stored, primary[0])[0] else "per slide"
    text = (
        f"The candidates were given: a slide's count is that of {word}s among its annotated candidates, and the error is that of "
        "telling them apart. What a detector misses or finds beyond them is not in it (mitofm count evaluate=true measures that)."
    )
    tables = [tabulate(primary, "counts", f"Counts of {word}s among given candidates", unit, SET)]
    lines = group_by(measured.domains, lambda one: (one.configuration.where, one.set, one.named))
    domains = measure([one for members in lines.values() for one in keep_largest(members)])
    if domains:
        tables.append(
            tabulate(domains, "counts_by_domain", "The same by test domain, at the largest fraction", unit, TEST_DOMAIN)
        )
    tables.append(tabulate_slides(counted, _pick_series(measured.results, leaky)))
    return Found([Section(table.title, "" if n else text, table=table, folded=n > 0) for n, table in enumerate(tables)])


@dataclass(frozen=True)
class Slides:
    """The slides of an evaluation set in one seed: their names, sorted, and the columns of `count_by_slide`."""

    names: list[str]
    columns: Mapping[str, np.ndarray]


class _Asked(NamedTuple):
    """A way of predicting the counts of a result, and the seeds in which they are known."""

    result: Result
    way: str
    seeds: Sequence[Slides]
    area: float | None
    cut_offs: Mapping[str, Any] | None


def measure_all(counted: Counted, results: Sequence[Result]) -> list[Agreed]:
    """As `measure_agreement`; kept by the content of what each configuration's cells measured."""
    stored = counted.stored
    found: dict[tuple[int, str], list[Agreed]] = {}
    groups = list(group_by(results, lambda one: id(one.group)).values())
    for portion in (groups[at : at + _AT_ONCE] for at in range(0, len(groups), _AT_ONCE)):
        made_of = [
            [
                "counts",
                stored.spell_measured(members[0].group),
                [one.set for one in members],
                *_read_card(stored, members[0]),
            ]
            for members in portion
        ]

        def compute(lacking: list[int], portion: Sequence[list[Result]] = portion) -> Iterator[tuple[Any, bytes]]:
            asked = [portion[place] for place in lacking]
            agreed = group_by(
                measure_agreement(counted, [one for members in asked for one in members]), lambda one: id(one.group)
            )
            return (_pack(agreed.get(id(members[0].group), [])) for members in asked)

        for members, (plain, content) in zip(portion, stored.kept.get_stowed(made_of, compute), strict=True):
            for one in _unpack(members[0].group, plain, content):
                found.setdefault((id(one.group), one.set), []).append(one)
    return [agreed for one in results for agreed in found.get((id(one.group), one.set), [])]


def _pack(agreed: Sequence[Agreed]) -> tuple[Any, bytes]:
    plain = [
        one.metrics.spell() | {name: getattr(one, name) for name in ("set", "way", "counted", "predicted", "cut_offs")}
        for one in agreed
    ]
    return plain, b"".join(one.metrics.numbers.astype("<f8").tobytes() for one in agreed)


def _unpack(group: Group, plain: Any, content: bytes) -> Iterator[Agreed]:
    numbers, place = np.frombuffer(content, dtype="<f8").reshape(-1, len(NUMBERS)), 0
    for one in plain:
        measures = MEASURES if one["cut_offs"] is None else (*MEASURES, KAPPA)
        own, place = numbers[place : place + len(measures)], place + len(measures)
        metrics = Agreement.read(measures, one, own)
        yield Agreed(group, one["set"], metrics, one["way"], one["counted"], one["predicted"], one["cut_offs"])


def measure_agreement(counted: Counted, results: Sequence[Result]) -> list[Agreed]:
    """The agreement of each way of predicting; none of a result of which no slide has several candidates."""
    asked = [one for result in results for one in _list_ways(counted, result)]
    replicates = _replicate(asked)
    found: dict[int, Agreement] = {}
    for with_kappa in (False, True):
        places = [place for place, one in enumerate(asked) if (one.cut_offs is not None) == with_kappa]
        measures = (*MEASURES, KAPPA) if with_kappa else MEASURES
        estimates = estimate_agreements([replicates[place] for place in places], measures)
        found |= zip(places, estimates, strict=True)
    return [
        Agreed(
            one.result.group,
            one.result.set,
            found[place],
            one.way,
            _average(one, "counted"),
            _average(one, one.way),
            one.cut_offs,
        )
        for place, one in enumerate(asked)
    ]


def _list_ways(counted: Counted, result: Result) -> Iterator[_Asked]:
    area, cut_offs = _read_card(counted.stored, result)
    stated = cut_offs.get(result.set.removeprefix(DOMAIN)) if area and result.set.startswith(DOMAIN) else None
    seeds = counted.find(result)
    if all(one.columns["candidates"].max() < 2 for one in seeds):
        return
    for way in _WAYS:
        known = [one for one in seeds if not np.isnan(one.columns[way]).any()]
        if known:
            yield _Asked(result, way, known, area, stated)


def _average(one: _Asked, column: str) -> float:
    return float(np.mean([_scale(seed.columns[column], one.area).mean() for seed in one.seeds]))


def _replicate(asked: Sequence[_Asked]) -> list[list[Replicates]]:
    """Of each and of each seed; all on the same slides together."""
    found: list[list[Any]] = [[None] * len(one.seeds) for one in asked]
    places = ((place, number) for place, one in enumerate(asked) for number in range(len(one.seeds)))
    for alike in group_by(places, lambda one: id(asked[one[0]].seeds[one[1]].names)).values():
        members = [(asked[place], asked[place].seeds[number]) for place, number in alike]
        counted, predicted = (
            np.array([_scale(seed.columns[column or one.way], one.area) for one, seed in members])
            for column in ("counted", "")
        )
        classes = [_classify(seed, one.way, one.area, one.cut_offs) for one, seed in members]
        replicates = replicate_many(counted, predicted, classes, members[0][1].names)
        for (place, number), replicate in zip(alike, replicates, strict=True):
            found[place][number] = replicate
    return found


class Counted:
    """The counts by slide of all cells; cells of one split share the names of their slides."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self._cells = cache(self._count)
        self._names: dict[Any, dict[str, np.ndarray]] = {}
        self._places: dict[tuple[int, str], tuple[np.ndarray, list[str]]] = {}

    def find(self, result: Result) -> list[Slides]:
        """Of each seed the slides of the evaluation set, sorted by name; folds test other slides each."""
        seeds = []
        for keys in group_by(result.group.done, name_seed).values():
            parts = [self._cells(result.group.done[key]) for key in keys]
            if len(parts) == 1:
                (joined,) = parts
                shared = id(joined["slide"]), result.set  # nothing else takes its place: all are kept
                if shared not in self._places:
                    self._places[shared] = _find_places(result.set, joined)
                inside, names = self._places[shared]
            else:
                joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
                inside, names = _find_places(result.set, joined)
            if names:
                seeds.append(Slides(names, {name: column[inside] for name, column in joined.items()}))
        return seeds

    def _count(self, cell: str) -> dict[str, np.ndarray]:
        counts = self.stored.counts(cell)
        names = tuple(map(tuple, counts.names.values()))
        if names not in self._names:
            self._names[names] = {name: np.array(column, dtype=object) for name, column in counts.names.items()}
        return self._names[names] | dict(counts.numbers)


def _find_places(name: str, counts: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Of the slides of an evaluation set, sorted by name; and the names."""
    inside = np.flatnonzero(_is_in(name, counts))
    inside = inside[np.argsort(counts["slide"][inside], kind="stable")]
    return inside, counts["slide"][inside].tolist()


def _is_in(name: str, counts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which slides belong to an evaluation set, as `metrics.evaluation_sets` makes them."""
    if name.startswith(DOMAIN):
        return counts["domain"] == name.removeprefix(DOMAIN)
    return counts["evaluation_set"] == name if name != ALL else np.ones(len(counts["domain"]), bool)


def _read_card(stored: Stored, result: Result) -> tuple[float | None, Mapping[str, Any]]:
    """The area of a slide (mm²) and the cut-offs by domain, as the card of the cells stated them."""
    card = stored.config(result.group.a_cell).get("data", {})
    return card.get("area_mm2"), card.get("cut_offs") or {}


def _scale(counts: np.ndarray, area: float | None, to: float = AREA_MM2) -> np.ndarray:
    return counts if area is None else counts * to / area


def _classify(
    slides: Slides, way: str, area: float | None, stated: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Both counts of each slide at the cut-offs; None without."""
    if stated is None:
        return None
    one, other = (
        classify(_scale(slides.columns[name], area, stated["in_mm2"]), stated["at"]) for name in ("counted", way)
    )
    return one, other


def tabulate(found: Sequence[Agreed], name: str, title: str, unit: str, heading: str) -> Table:
    """A row for each configuration, evaluation set and way of predicting."""
    rows = (
        [
            *name_row(one.configuration, one.set, heading),
            Entry("counts", _WAYS[one.way], {"way": one.way}),
            Entry(f"annotated {unit}", f"{one.counted:.2f}", {"annotated": one.counted}),
            Entry("predicted", f"{one.predicted:.2f}", {"predicted": one.predicted}),
            show_estimate("bias (95 % interval)", "count_bias", one.metrics["count_bias"], format_difference),
            Entry("limits of agreement", _spell_limits(one.metrics), _list_limits(one.metrics)),
            show_estimate("concordance (95 % interval)", "concordance", one.metrics["concordance"]),
            *_show_kappa(one),
            *show_support(one.metrics["concordance"]),
        ]
        for one in found
    )
    note = (
        "Mean over slides, which count equally, and over seeds. Bias: predicted minus annotated; between the limits of agreement lie "
        "about 95 % of the slides' differences. Concordance: Lin's, 1 if all counts are equal, lower by scatter and by bias. "
        "Prevalence-corrected: the share of positives of highest likelihood on each slide, which needs no threshold, but "
        "probabilities that are right. " + _cite(found)
    )
    estimates = [one.metrics[measure] for one in found for measure in ("count_bias", "concordance")]
    return make_table(name, title, rows, note, estimates=estimates)


def _show_kappa(one: Agreed) -> list[Entry]:
    """Kappa at the cut-offs of the domain; no entry if none are stated."""
    if one.cut_offs is None:
        return []
    return [show_estimate("kappa at the cut-offs", KAPPA, one.metrics[KAPPA])]


def _cite(found: Sequence[Agreed]) -> str:
    """The cut-offs with their source, if there are any."""
    stated = {one.set.removeprefix(DOMAIN): one.cut_offs for one in found if one.cut_offs is not None}
    if not stated:
        return ""
    told = (
        f"{domain}: from {' and from '.join(f'{at:g}' for at in cut['at'])} in {cut['in_mm2']:g} mm² ({cut['source']})"
        for domain, cut in stated.items()
    )
    return (
        "Kappa (linear weights) says how often both counts are on the same side of cut-offs that are for counts by pathologists on "
        f"chosen fields; counts are scaled to their area. {'; '.join(told)}."
    )


def _list_limits(metrics: Mapping[str, Estimate]) -> dict[str, float | None]:
    ends = {end: metrics[f"count_{end}"] for end in ("low", "high")}
    return {f"limit_{end}{part}": getattr(found, name) for end, found in ends.items()
            for part, name in (("", "value"), ("_low", "low"), ("_high", "high"))}  # fmt: skip


def _spell_limits(metrics: Mapping[str, Estimate]) -> str:
    low, high = (metrics[f"count_{end}"].value for end in ("low", "high"))
    return NOTHING if low is None or high is None else f"{low:+.1f} to {high:+.1f}".replace("-", "\N{MINUS SIGN}")


def _pick_series(results: Sequence[Result], leaky: set[str]) -> list[list[Result]]:
    """The results on all test slides of each model and adaptation, at its largest fraction: those of highest AUROC."""
    whole = [one for one in results if one.set == ALL and leaky.isdisjoint(one.group.done.values())]
    series = [keep_largest(members) for members in group_by(whole, lambda one: one.named).values()]
    return sorted(series, key=lambda members: -max(member.auroc.value or 0.0 for member in members))[:_SERIES]


def tabulate_slides(counted: Counted, series: Sequence[Sequence[Result]]) -> Table:
    """A row for each slide, a column for each model and adaptation."""
    parts = []
    for members in series:
        tables = pd.concat([pd.DataFrame(one.columns) for member in members for one in counted.find(member)])
        means = tables.groupby(["slide", "domain"], as_index=False)[["candidates", "counted", *_WAYS]].mean()
        parts.append(means.assign(series=members[0].named))
    found = pd.concat(parts)
    rows = []
    for (slide, domain), here in found.groupby(["slide", "domain"]):
        named = here.set_index("series")
        first = named.iloc[0]
        row = [
            Entry("slide", str(slide), {"slide": slide}),
            Entry("domain", str(domain), {"domain": domain}),
            Entry("candidates", f"{first['candidates']:.0f}", {"candidates": first["candidates"]}),
            Entry("annotated", f"{first['counted']:.0f}", {"annotated": first["counted"]}),
        ]
        for members in series:
            name = members[0].named
            values = named.loc[name, list(_WAYS)] if name in named.index else dict.fromkeys(_WAYS)
            shown = NOTHING if values[CALLED] is None else f"{values[CALLED]:.1f}"
            row.append(Entry(name, shown, {f"{name}, {way}": values[way] for way in _WAYS}))
        rows.append(row)
    note = (
        "Annotated, and called at the threshold: means over the seeds and settings that tested a slide, at the largest fraction. The "
        "file of this table has the prevalence-corrected counts, too."
    )
    if len(series) == _SERIES:
        note += f" Of {_SERIES} models with their adaptations at most, those of highest AUROC."
    return make_table("counts_by_slide", "The counts of each slide", rows, note)
