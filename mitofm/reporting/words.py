"""The answer in words, made from the numbers and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import compress

import pandas as pd

from mitofm.reporting.configurations import RANDOM, Configuration, Group
from mitofm.reporting.contrasts import Contrast, Gap
from mitofm.reporting.counts import Counts, spread
from mitofm.reporting.estimates import ALL, Result
from mitofm.reporting.grouped import at_largest, grouped
from mitofm.reporting.numbers import difference, listed, set_words, signed, with_interval
from mitofm.reporting.shift import ColumnGap, Extremes
from mitofm.runs.collect import DAMAGED, DONE, FAILED, MISSING, PLANNED, SKIPPED

_FEW = 6
"""Up to this many findings of a kind are told one by one; more are counted."""


def best_per_fraction(results: Iterable[Result], counts: Counts) -> list[str]:
    """For every setting and evaluation set, the configuration of highest AUROC at each fraction, largest first.

    Where that would be many findings, at the largest fraction only. Training domains that the same one leads share a sentence.
    """
    known = [result for result in results if result.auroc.value is not None]
    strata = grouped(known, lambda one: (one.configuration.where, one.set, -one.configuration.fraction))
    if len(strata) > _FEW:
        strata = {key: members for key, members in strata.items() if key[2] == min(strata, key=lambda key: key[2])[2]}
    best = [(max(members, key=_rank), len(members)) for _, members in sorted(strata.items())]

    def told(one: tuple[Result, int]) -> tuple[Configuration, str, int]:
        return replace(one[0].configuration, train_domain=""), one[0].set, one[1]

    return [_best([one for one, _ in alike], of, counts) for (_, _, of), alike in grouped(best, told).items()]


def _rank(result: Result) -> tuple[float, Configuration]:
    return result.auroc.value or 0.0, result.configuration


def _best(best: Sequence[Result], of: int, counts: Counts) -> str:
    """The best one of `of`, of one training domain or the same one of several."""
    key, several = best[0].configuration, len(best) > 1
    place = f"With {key.amount} ({spread([counts.labels(one.group) for one in best])} cells)"
    where = key.setting if several else key.where
    place += f", {where}" if where else ""
    place += f", tested {set_words(best[0].set)}" if best[0].set != ALL else ""
    among = f", the highest of {of}" if of > 1 else ""
    reaches = f"an AUROC of {with_interval(best[0].auroc)}{among}"
    if several:
        ordered = sorted(best, key=_rank, reverse=True)
        each = "; ".join(f"{one.configuration.train_domain or 'all'} {with_interval(one.auroc)}" for one in ordered)
        reaches = f"these AUROCs{among}, by what it was trained on: {each}"
    whys = "; ".join(dict.fromkeys(one.auroc.why for one in best if one.auroc.why))
    unsure = f" No interval: {whys}." if whys else ""
    return f"{place}: {key.model} with {key.adaptation} reaches {reaches}.{unsure}"


def compared(contrasts: Iterable[Contrast]) -> list[str]:
    """For every pair of levels, what its paired differences say at the largest fraction: listed where they are few."""
    known = [contrast for contrast in contrasts if contrast.difference.value is not None]
    return [_pair(pair, at_largest(members)) for pair, members in grouped(known, lambda one: one.pair).items()]


def _pair(pair: str, members: Sequence[Contrast]) -> str:
    name = f"{pair} with {members[0].configuration.amount}, AUROC on the same cells"
    if len(members) <= _FEW:
        places = [_place(one) for one in members]
        alike = [len(set(words)) == 1 for words in zip(*places, strict=True)]  # said once where it is the same for all
        name = listed(name, *compress(places[0], alike))
        own = [listed(*(word for word, same in zip(place, alike, strict=True) if not same)) for place in places]
        each = "; ".join(
            f"{f'{words} ' if words else ''}{difference(one.difference)}, {one.difference.verdict}"
            for words, one in zip(own, members, strict=True)
        )
        return f"{name}: {each}."
    values = [one.difference.value for one in members if one.difference.value is not None]
    return (
        f"{name}: {_tally(one.difference.verdict for one in members)} of {len(members)} comparisons; "
        f"differences from {signed(min(values))} to {signed(max(values))}."
    )


def _place(contrast: Contrast) -> tuple[str, ...]:
    key = contrast.configuration
    trained = f"trained on {key.train_domain}" if key.train_domain else ""
    return key.model, key.setting, trained, f"tested {set_words(contrast.set)}" if contrast.set != ALL else ""


def domain_gap(gaps: Sequence[Gap]) -> list[str]:
    """What in-domain minus out-of-domain says, over all configurations."""
    values = [gap.difference.value for gap in gaps if gap.difference.value is not None]
    if not values:
        return []
    return [
        f"In-domain minus out-of-domain AUROC lies between {signed(min(values))} and {signed(max(values))}: "
        f"{_tally(gap.difference.verdict for gap in gaps)} of {len(gaps)} configurations."
    ]


def foreign_training(gaps: Sequence[ColumnGap]) -> list[str]:
    """What training on another domain than the tested one costs, where both give equally many labels."""
    fair = [gap for gap in gaps if gap.fair and gap.difference.value is not None]
    values = [gap.difference.value for gap in fair if gap.difference.value is not None]
    if not values:
        return []
    return [
        f"Trained on the tested domain instead of another one, with equally many labels, AUROC differs by "
        f"{signed(min(values))} to {signed(max(values))}: {_tally(gap.difference.verdict for gap in fair)} of {len(fair)} pairs."
    ]


def worst_domains(extremes: Sequence[Extremes]) -> list[str]:
    """Which domain is the worst, for how many configurations, and how low the lowest AUROC is."""
    if not extremes:
        return []
    counted = Counter(set_words(found.worst.set) for found in extremes)
    lowest = min((found.worst for found in extremes), key=lambda result: result.auroc.value or 0.0)
    key = lowest.configuration
    named = ", ".join(f"{domain} in {count}" for domain, count in counted.most_common())
    return [
        f"The worst domain (of those with six slides or more): {named} of {len(extremes)} configurations. The lowest is "
        f"{key.model} with {key.adaptation}{', ' + key.where if key.where else ''} on {set_words(lowest.set)}: "
        f"{with_interval(lowest.auroc)}."
    ]


def _tally(verdicts: Iterable[str]) -> str:
    counted = Counter(verdicts)
    known = ("higher", "lower", "not decided", "no interval")
    return ", ".join(f"{verdict} in {counted[verdict]}" for verdict in known if counted[verdict])


def completeness(cells: pd.DataFrame, groups: Iterable[Group]) -> list[str]:
    """What is missing from the report: cells without a result, and configurations that lack some of their seeds.

    Args:
        cells: `Collected.cells`.
        groups: their configurations.
    """
    said = []
    states = Counter(cells["state"])
    if states[DONE] < len(cells):
        others = ", ".join(f"{states[state]} {word}" for state, word in _STATES.items() if states[state])
        said.append(f"{states[DONE]} of {len(cells)} cells are finished ({others}). The others are in no number below.")
    short = sum(0 < len(group.done) < group.planned for group in groups)
    if short:
        said.append(
            f"Some seeds are missing in {short} configuration{'s' if short > 1 else ''}: means are over the seeds that "
            "are there, and paired differences over those that both sides have."
        )
    return said


def cautions(done: pd.DataFrame) -> list[str]:
    """What a reader must know about the finished cells of a data set: synthetic tissue, random weights, the unit, and so on."""
    said = []
    if (done["dataset"] == SYNTHETIC).any():
        said.append(
            "All of it is synthetic tissue, drawn by a program: no number below says anything about a real tumor."
        )
    random = sorted(set(done.loc[done["weights"] == RANDOM, "backbone"]))
    if random:
        said.append(
            f"Random weights, not pretrained ones: {', '.join(random)}. Such a number says what the architecture does "
            "without pretraining, and nothing about the published model."
        )
    leaky = sorted(set(done.loc[done["leaks"].eq(True), "split"]))
    if leaky:
        said.append(
            f"Tested on cells whose slides were trained on: split {', '.join(leaky)}. Such a number says what that leak is "
            "worth, and nothing about new slides."
        )
    of_a_kind = sorted({row.backbone for row in done.itertuples() if row.seen and SYNTHETIC in row.seen})
    if of_a_kind:
        said.append(
            f"Pretrained on the same kind of synthetic tissue, without labels and on other slides: {', '.join(of_a_kind)}. What "
            "that is worth here is more than a foundation model's pretraining is worth on slides of another laboratory."
        )
    seen = {(row.backbone, ", ".join(row.seen)) for row in done.itertuples() if row.seen and SYNTHETIC not in row.seen}
    if seen:
        told = "; ".join(f"{backbone} on {collections}" for backbone, collections in sorted(seen))
        said.append(
            f"Pretrained on collections that this data set comes from, perhaps on its test slides: {told}. Such a number may "
            "be too good."
        )
    only = sorted({domain for domains in done["test_only"] if domains for domain in domains})
    if only:
        said.append(f"Domains that are only tested on, having too little to train on: {', '.join(only)}.")
    if (done["slide_unit"] == "image").any():
        said.append(
            "No slide or patient is known, so each image is its own unit: if several images come from one patient, "
            "the intervals are too narrow."
        )
    return said


SYNTHETIC = "synthetic"
"""The data set that is rendered, and the collection that what is pretrained on such tissue states."""

_STATES = {state: state.lower() for state in (FAILED, SKIPPED, DAMAGED, MISSING)} | {PLANNED: "planned and not started"}
