"""Ranks: which models and adaptations may be the best, and whether their order on one test domain is that on others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from mitofm.evaluation import bootstrap
from mitofm.evaluation.kendall import measure_tau
from mitofm.evaluation.statistics import HIGHER, LEVEL, LOWER
from mitofm.ground.seeds import stream
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.findings.differences import Family, compare_together
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import DOMAIN, Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import format_signed, join, name_set
from mitofm.reporting.tables import LABELS, SETTING, TEST_DOMAIN, Entry, Table, make_table, name_row, show_estimate

_LEAST, _MOST = 3, 40
"""Fewer configurations are no ranking; of more there are too many pairs."""
_DRAWS = 1000


@dataclass(frozen=True)
class Rank:
    """A result, its rank by AUROC among `of`, and the interval of its rank."""

    result: Result
    rank: int
    best: int
    worst: int
    of: int


@dataclass(frozen=True)
class Agreement:
    """How configurations rank on one test domain, and on the mean of the others.

    `tau` is Kendall's tau-b between the two, with the interval of draws of slides and trainings.
    """

    where: str
    share: str
    domain: str
    ranked: int
    tau: float
    low: float
    high: float
    best: str
    best_elsewhere: str


def find(measured: Measured) -> Found:
    """Both; ranks at the largest fraction."""
    ranks = rank(measured.stored, measured.primary)
    agreements = compare_orders(measured.stored, measured.domains) if measured.domains else []
    tables = [tabulate_ranks(ranks)] if ranks else []
    tables += [tabulate_agreements(agreements)] if agreements else []
    return Found([show_table(table, folded=True) for table in tables], describe(ranks))


def rank(stored: Stored, results: Iterable[Result]) -> list[Rank]:
    """The ranks of every setting and evaluation set, with intervals that hold for all at once.

    A rank is at best one more than the number of those that are surely higher, at worst one less for each that is surely
    lower, by differences that hold together (Al Mohamad, Goeman and van Zwet 2022, Biometrics 78:789).
    """
    known = [result for result in results if result.auroc.value is not None]
    found = []
    for members in group_by(known, lambda one: (one.configuration.where, one.set)).values():
        members = sorted(keep_largest(members), key=lambda one: -(one.auroc.value or 0.0))
        if not _LEAST <= len(members) <= _MOST:
            continue
        higher, lower = np.zeros(len(members), dtype=int), np.zeros(len(members), dtype=int)
        pairs = list(combinations(range(len(members)), 2))
        (compared,) = compare_together(stored, [Family(members, pairs)])
        for (i, j), pair in zip(pairs, compared, strict=True):
            for above, below, said in ((i, j, HIGHER), (j, i, LOWER)):
                if pair.difference.verdict == said:
                    higher[below] += 1
                    lower[above] += 1
        found += [
            Rank(one, place + 1, int(higher[place]) + 1, len(members) - int(lower[place]), len(members))
            for place, one in enumerate(members)
        ]
    return found


def describe(ranks: Sequence[Rank]) -> list[str]:
    """Which may be the best, of every setting and evaluation set."""
    said = []
    for (where, tested), members in group_by(
        ranks, lambda one: (one.result.configuration.where, one.result.set)
    ).items():
        may = [one.result.named for one in members if one.best == 1]
        place = join(where, f"tested {name_set(tested)}")
        if len(may) < len(members):
            said.append(f"May be the best of {len(members)} ({place}): {'; '.join(may)}.")
        else:
            said.append(f"Each of the {len(members)} may be the best ({place}): no order is certain.")
    return said


def tabulate_ranks(ranks: Sequence[Rank]) -> Table:
    """A row for each configuration."""
    rows = [
        [
            *name_row(one.result.configuration, one.result.set),
            show_estimate("AUROC (95 % interval)", "auroc", one.result.auroc),
            Entry("rank", f"{one.rank} of {one.of}", {"rank": one.rank, "of": one.of}),
            Entry("may be", f"{one.best} to {one.worst}", {"rank_low": one.best, "rank_high": one.worst}),
        ]
        for one in ranks
    ]
    note = (
        "By AUROC at the largest fraction. The intervals of ranks hold for all configurations of one setting and test set at "
        "once, at 95 %: they follow from the differences of all pairs (Tukey and Kramer). Methods trained with one seed "
        "have no sure order."
    )
    return make_table("ranks", "Ranks", rows, note)


def compare_orders(stored: Stored, domains: Iterable[Result]) -> list[Agreement]:
    """How models and adaptations rank on every test domain, beside the mean of the others."""

    def place(result: Result) -> tuple[str, float, str]:
        return result.configuration.where, result.configuration.fraction, result.configuration.share

    known = [result for result in domains if result.auroc.value is not None]
    tables = []
    for (where, _, share), members in sorted(group_by(known, place).items()):
        table = pd.Series({(one.named, one.set): one for one in members}).unstack().dropna(axis=1)
        if len(table) >= _LEAST and table.shape[1] >= 2:
            tables.append((where, share, table))
    made_of = [
        ["orders", _DRAWS, list(table.index), [[one, stored.spell_all(table[one])] for one in table.columns]]
        for _, _, table in tables
    ]
    compared = stored.kept.get_all(made_of, lambda lacking: (_compare(stored, tables[one][2]) for one in lacking))
    return [
        Agreement(where, share, str(name).removeprefix(DOMAIN), len(table), *found)
        for (where, share, table), each in zip(tables, compared, strict=True)
        for name, found in zip(table.columns, each, strict=True)
        if found is not None
    ]


def _compare(stored: Stored, table: pd.DataFrame) -> list[tuple[float, float, float, str, str] | None]:
    """Of each column of results the last fields of an `Agreement`; None if all are equal there."""
    values = table.map(lambda one: one.auroc.value).to_numpy()
    drawn = np.stack([_draw(stored, list(table[name])) for name in table.columns], axis=2)
    found: list[tuple[float, float, float, str, str] | None] = []
    for column in range(table.shape[1]):
        here, elsewhere = values[:, column], np.delete(values, column, axis=1).mean(axis=1)
        tau = float(measure_tau(here, elsewhere))
        if np.isnan(tau):
            found.append(None)
            continue
        taus = measure_tau(drawn[:, :, column], np.delete(drawn, column, axis=2).mean(axis=2))
        low, high = np.nanquantile(taus, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        best, best_elsewhere = (str(table.index[side.argmax()]) for side in (here, elsewhere))
        found.append((tau, float(low), float(high), best, best_elsewhere))
    return found


def _draw(stored: Stored, results: Sequence[Result]) -> np.ndarray:
    """(draws, configurations) the AUROCs on one test domain in draws of its slides and of trainings."""
    measured = [stored.seeds(one.group, one.set) for one in results]
    measured = [{seed: of for seed, of in one.items() if np.isfinite(of.of("auroc")[0])} for one in measured]
    slides = bootstrap.name_slides(measured)
    rng = stream(0, "ranks", results[0].set)
    weights = bootstrap.draw_slides(len(slides), rng, _DRAWS)
    trainings = rng.standard_normal((_DRAWS, len(measured)))
    spread = [(one.auroc.training_sd or 0.0) / np.sqrt(max(one.auroc.seeds, 1)) for one in results]
    return np.column_stack([bootstrap.values_of_draws(one, slides, weights) for one in measured]) + trainings * spread


def tabulate_agreements(found: Sequence[Agreement]) -> Table:
    """Whether the order of configurations on one domain is that on the others."""
    rows = [
        [
            Entry(SETTING, one.where, {"where": one.where}),
            Entry(LABELS, one.share, {"share": one.share}),
            Entry(TEST_DOMAIN, one.domain, {"domain": one.domain}),
            Entry("configurations", str(one.ranked), {"configurations": one.ranked}),
            Entry(
                "Kendall's tau (95 % of draws)",
                f"{format_signed(one.tau)} ({format_signed(one.low)} to {format_signed(one.high)})",
                {"tau": one.tau, "tau_low": one.low, "tau_high": one.high},
            ),
            Entry("highest there", one.best, {"best": one.best}),
            Entry("highest elsewhere", one.best_elsewhere, {"best_elsewhere": one.best_elsewhere}),
        ]
        for one in found
    ]
    note = (
        "Models and adaptations ranked by AUROC on one test domain, against their ranking on the mean of the others: +1 is the "
        f"same order, 0 no relation. The range is that of {_DRAWS:,} draws of slides and trainings; configurations that are "
        "alike change places in them, which pulls tau towards 0."
    )
    return make_table("rankings", "Do rankings hold across domains?", rows, note, (SETTING, LABELS, "configurations"))
