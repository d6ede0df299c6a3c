"""The comparisons that a study stated, contrast by contrast, in sentences for a reader who runs no experiments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import NO_INTERVAL, ONE_TRAINING
from mitofm.reporting.answers import Answer
from mitofm.reporting.drawing.style import Drawn
from mitofm.reporting.finding import Headline
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import METRICS
from mitofm.reporting.numbers import explain_outcome, format_difference, format_range, format_signed, join
from mitofm.reporting.wording import (
    FEW,
    list_few,
    list_words,
    name_tested,
    pick_left_out,
    spell_amounts,
    tell_confounded,
)
from mitofm.runs.keys import LABELS

_UNDECIDABLE = {ONE_TRAINING, NO_INTERVAL}
_AXES = {"adaptation": "adaptation", "weights": "model", "backbone": "model", "fraction": "share"}
"""By label along which a question compares, as other headlines name it."""
_LAST, _MOST = 9, 3
"""The rank of what could not be decided; up to so many contrasts have a sentence each."""


def say_answers(found: Sequence[Answer], asked: Comparisons, figure: Drawn | None, leaks: bool) -> list[Headline]:
    """A sentence for each contrast that was asked about, or one on all of them if they are many or none could be decided."""
    if all(one.outcome in _UNDECIDABLE for one in found):
        why = " and ".join(sorted({explain_outcome(one.outcome, one.difference) for one in found}))
        of = f"{len(found)} comparisons" if len(found) > 1 else "one comparison"
        return [Headline(_LAST, "stated", f"Of the {of} asked before the runs, none has an answer: {why}.")]
    varied = {question.name: add_implied(question.varied) for question in asked.questions}
    contrasts = group_by(found, lambda one: name_contrast(one, varied[one.question]))
    if len(contrasts) > _MOST:
        words = f"Of {len(found)} comparisons asked before the runs ({METRICS[asked.metric]}): {count_outcomes(found)}."
        return [Headline(0, "stated", words, figure)]
    said = []
    for name, members in contrasts.items():
        labels = varied[members[0].question]
        axis = next((axis for label, axis in _AXES.items() if label in labels), "stated")
        said.append(Headline(0, axis, _say_contrast(name, members, asked, labels, leaks), figure))
    return said


def name_contrast(one: Answer, varied: Collection[str]) -> str:
    """The sides in words, "a instead of b": the difference is a minus b. `varied` is as `add_implied` gives it."""
    sides = zip(one.sides, (one.first.configuration, one.second.configuration), strict=True)
    if "fraction" in varied:
        (_, more), (_, than) = sides
        words = [more.amount, than.share]
    else:
        words = [f"{side} weights" if "weights" in varied else side for side, _ in sides]
    return " instead of ".join(words)


def add_implied(varied: Sequence[str]) -> set[str]:
    """The keys along which a question compares, and the labels or keys that say the same."""
    same = {name for label, keys in LABELS.items() for key in keys for name in (label, key) if {label, key} & {*varied}}
    return {*varied, *same}


def _say_contrast(
    name: str, members: Sequence[Answer], asked: Comparisons, varied: Collection[str], leaks: bool
) -> str:
    values = [one.corrected.value for one in members if one.corrected.value is not None]
    if len(members) == 1:
        span = format_difference(members[0].corrected)
        outcome = explain_outcome(members[0].outcome, members[0].difference)
    else:
        span = (
            f"{format_signed(min(values))} at the least and {format_signed(max(values))} at the most" if values else ""
        )
        outcome = f"{count_outcomes(members)} of {len(members)} comparisons"
    found = join(f"{METRICS[asked.metric]} differs by {span}" if values else "", outcome)
    own = join(*(words for label, words in _describe(members, varied).items() if label not in varied))
    sets = dict.fromkeys(name_tested(one.first.set, pick_left_out([one.first]), leaks) for one in members)
    counts = [one.difference.slides for one in members if one.difference.slides]
    slides = format_range(counts) if counts else ""
    on = f"{len(sets)} test sets of {slides} slides" if len(sets) > FEW else f"{slides} {list_words(list(sets))}"
    on = f", on {on}" if counts else ""
    return f"Asked before the runs{on}: {name} ({own}): {found}{tell_confounded([one.first for one in members])}."


def _describe(members: Sequence[Answer], varied: Collection[str]) -> Mapping[str, str]:
    """What was compared besides, by label."""
    keys = [one.first.configuration for one in members]
    # No word on weights that differ between the sides.
    models = (
        {str(one.first.group.axes["backbone"]) for one in members} if "weights" in varied else {k.model for k in keys}
    )
    return {
        "backbone": list_few(sorted(models), "models"),
        "adaptation": list_few(sorted({key.adaptation for key in keys}), "adaptations"),
        "fraction": spell_amounts(keys),
    }


def count_outcomes(found: Sequence[Answer]) -> str:
    """How many have which outcome, in words."""
    counted = Counter(explain_outcome(one.outcome, one.difference).partition(": ") for one in found)
    return ", ".join(
        f"{outcome}{f' ({why})' if why else ''} in {count}" for (outcome, _, why), count in counted.most_common()
    )
