"""A family of comparisons, answered: differences with intervals, corrected p values and four outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.permutation import permute_slides
from mitofm.evaluation.statistics import Estimate
from mitofm.ground import seeds
from mitofm.ground.errors import MitofmError
from mitofm.reporting.estimates import AUROC, Result, Stored
from mitofm.reporting.numbers import NOTHING
from mitofm.reporting.tables import Entry, show_difference, show_outcome, show_support

SAMPLES, SLIDES, SAME = "cells", "slides", "the same predictions"  # as the CSV tables in bundles say
_PAIRED = {SAMPLES: "samples"}  # what people see


@dataclass(frozen=True)
class Answer:
    """Two results on one evaluation set, compared.

    Attributes:
        question: what is asked of them.
        sides: what the first is, and the second.
        difference: the metric of the first minus that of the second.
        paired: by `SAMPLES` if both were tested on the same ones, by `SLIDES` if not;
            `SAME` if what differs has changed no prediction.
        p: of no difference: by permutation of slides for AUROC on the same samples, else from t.
        corrected_p: the same, after Holm over all answers.
        equivalent_p: of a difference of at least the margin, after Holm over all answers.
    """

    question: str
    sides: tuple[str, str]
    first: Result
    second: Result
    difference: Estimate = field(default=Estimate(None))
    paired: str = ""
    p: float | None = None
    corrected_p: float | None = None
    equivalent_p: float | None = None

    @property
    def pair(self) -> str:
        """The sides in words."""
        return f"{self.sides[0]} \N{MINUS SIGN} {self.sides[1]}"

    @property
    def outcome(self) -> str:
        """One of: better, worse, equivalent, not decided, no interval."""
        return verdicts.judge(self.difference, self.corrected_p, self.equivalent_p)

    def list_entries(self, heading: str) -> list[Entry]:
        """The entries of a row: the difference under `heading`, what it rests on, and what follows."""
        return [
            show_difference(heading, "difference", self.difference),
            Entry("paired by", _PAIRED.get(self.paired, self.paired), {"paired_by": self.paired}),
            *show_support(self.difference),
            Entry("p", _format_p(self.p), {"p": self.p}),
            Entry("p, Holm", _format_p(self.corrected_p), {"p_holm": self.corrected_p}),
            Entry("equivalence p, Holm", _format_p(self.equivalent_p), {"equivalence_p_holm": self.equivalent_p}),
            show_outcome("outcome", self.outcome, self.difference),
        ]


def answer_family(
    stored: Stored, family: Iterable[Answer], metric: str = AUROC, margin: float = verdicts.MARGIN
) -> list[Answer]:
    """The questions of a family, answered and corrected by Holm over all; differences within the margin are equivalent."""
    found = [_answer(stored, asked, metric) for asked in family]
    different = verdicts.holm([one.p for one in found])
    equivalent = verdicts.holm([verdicts.equivalence_p(one.difference, margin) for one in found])
    return [replace(one, corrected_p=p, equivalent_p=q) for one, p, q in zip(found, different, equivalent, strict=True)]


def explain(count: int, metric: str, margin: float) -> str:
    """How p values and pairs are to be read, for the note of a table of `count` answers."""
    exchanged = "slides exchanged between the sides where both were tested on the same samples, else from t"
    return (
        f"p of no difference: {exchanged if metric == AUROC else 'from t'}; "
        f"equivalence: two one-sided tests with a margin of {margin:g}; either corrected by Holm over these {count}. Paired "
        "by slides: not the same samples, so the jackknife leaves each slide out of both sides at once."
    )


def _answer(stored: Stored, asked: Answer, metric: str) -> Answer:
    pair, name = (asked.first.group, asked.second.group), asked.first.set
    sides = stored.seeds(pair[0], name), stored.seeds(pair[1], name)
    try:
        found, paired = statistics.subtract_paired(*sides, metric), SAMPLES
    except MitofmError:
        found, paired = statistics.subtract_by_slide(*sides, metric), SLIDES
    p, contents = verdicts.difference_p(found), [stored.contents(group) for group in pair]
    if contents[0] == contents[1] and found.value == 0:  # equal predictions may be cut at unequal thresholds
        paired = SAME
    elif p is not None and paired == SAMPLES and metric == AUROC:

        def permute() -> float | None:
            first, second = (stored.predictions(group, name) for group in pair)
            return permute_slides(first, second, seeds.stream(0, "permutation", name))

        p = stored.kept.get(["permutation", *contents, name], permute)
    return replace(asked, difference=found, paired=paired, p=p)


def _format_p(value: float | None) -> str:
    return NOTHING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
