"""A family of comparisons, answered: differences with intervals that hold together, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.errors import MitofmError
from mitofm.reporting.measured.results import AUROC, Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import NOTHING
from mitofm.reporting.tables import Entry, show_difference, show_outcome, show_search, show_support

SAMPLES, SLIDES, SAME = "cells", "slides", "the same predictions"  # as the CSV tables in bundles say
_PAIRED = {SAMPLES: "samples"}  # what people see
_AT_ONCE = "interval for all at once"


@dataclass(frozen=True)
class Answer:
    """Two results on one evaluation set, compared.

    Attributes:
        question: what is asked of them.
        sides: what the first is, and the second.
        difference: the metric of the first minus that of the second, by itself.
        corrected: the same with the interval that holds together with those of all other answers.
        margin: differences within it are equivalent.
        paired: by `SAMPLES` if both were tested on the same ones, by `SLIDES` if not;
            `SAME` if what differs has changed no prediction.
        p: of no difference, as the corrected interval has it.
    """

    question: str
    sides: tuple[str, str]
    first: Result
    second: Result
    difference: Estimate = field(default=Estimate(None))
    corrected: Estimate = field(default=Estimate(None))
    margin: float = verdicts.MARGIN
    paired: str = ""
    p: float | None = None

    @property
    def pair(self) -> str:
        """The sides in words."""
        return f"{self.sides[0]} \N{MINUS SIGN} {self.sides[1]}"

    @property
    def outcome(self) -> str:
        """One of: better, worse, equivalent, not decided, no interval, one training only."""
        return verdicts.EQUIVALENT if self.paired == SAME else verdicts.judge(self.corrected, self.margin)

    def list_entries(self, heading: str) -> list[Entry]:
        """The entries of a row: the difference under `heading` with the interval that decides, what it rests on, what follows."""
        return [
            show_difference("", "difference", self.difference),
            show_difference(f"{heading} ({_AT_ONCE})", "corrected", self.corrected),
            # Beside its interval: on a narrow page what comes last is out of sight.
            show_outcome("outcome", self.outcome, self.difference),
            Entry("paired by", _PAIRED.get(self.paired, self.paired), {"paired_by": self.paired}),
            *show_support(self.difference),
            Entry("p", _format_p(self.p), {"p_corrected": self.p}),
            *show_search(self.first, self.second),
        ]


def answer_family(
    stored: Stored, family: Iterable[Answer], metric: str = AUROC, margin: float = verdicts.MARGIN
) -> list[Answer]:
    """The questions of a family; those with an interval are corrected for their number."""
    found = [_answer(stored, asked, metric) for asked in family]
    count = sum(one.difference.low is not None for one in found)
    return [
        replace(
            one,
            corrected=one.difference.among(count),
            p=verdicts.difference_p(one.difference, count),
            margin=margin,
        )
        for one in found
    ]


def explain(found: Sequence[Answer], margin: float) -> str:
    """How the outcomes and pairs in a table of answers are to be read."""
    outcomes = {one.outcome for one in found}
    said = {
        f"The {_AT_ONCE} is so wide that those of all {len(found)} hold together at 95 % (Bonferroni), and p is corrected "
        "likewise: under 0.05 if that interval leaves out 0.": True,
        f"Equivalent: all of it lies within {margin:g}.": verdicts.EQUIVALENT in outcomes,
        f"Not decided: it holds 0, and does not lie within {margin:g}.": statistics.NOT_DECIDED in outcomes,
        "Could not be decided: by its design, whatever its cells had measured; of one training, as one seed shows nothing of "
        "what another would give, or without an interval.": bool(
            outcomes & {statistics.ONE_TRAINING, statistics.NO_INTERVAL}
        ),
        "Paired by slides: not the same samples, so the jackknife leaves each slide out of both sides at once.": any(
            one.paired == SLIDES for one in found
        ),
    }
    return " ".join(sentence for sentence, holds in said.items() if holds)


def _answer(stored: Stored, asked: Answer, metric: str) -> Answer:
    sides = stored.match(asked.first, asked.second, metric)
    try:
        found, paired = statistics.subtract_paired(*sides, metric), SAMPLES
    except MitofmError:
        found, paired = statistics.subtract_by_slide(*sides, metric), SLIDES
    if found.value == 0 and stored.contents(asked.first.group) == stored.contents(asked.second.group):
        paired = SAME  # equal predictions may be cut at unequal thresholds: then the value is not 0
    return replace(asked, difference=found, paired=paired)


def _format_p(value: float | None) -> str:
    return NOTHING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
