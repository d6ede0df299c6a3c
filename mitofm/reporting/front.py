"""What a page opens with: what was compared, on which slides, how sure it is, one figure and a few sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mitofm.reporting.drawing.style import Drawn
from mitofm.reporting.finding import Headline, Measured
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result
from mitofm.reporting.wording import FEW, explain_adaptation, list_few, name_tested, pick_left_out, spell_amounts

MOST = 5
"""So many sentences stand on the first screen."""


@dataclass(frozen=True)
class Front:
    """The opening of one data set's chapter.

    Attributes:
        facts: by heading, in words.
        sentences: what came out, `MOST` at most.
        figure: that shows it; None if there is none.
        decides: whether anything was trained with several seeds, so that there may be verdicts on methods.
    """

    facts: Mapping[str, str]
    sentences: Sequence[str]
    figure: Drawn | None
    decides: bool

    def shorten(self, most: int) -> Front:
        """With `most` sentences at most."""
        return replace(self, sentences=self.sentences[:most])

    @property
    def size(self) -> str:
        """The cells, seeds and slides in words."""
        return self.facts["Size"]


def make_front(measured: Measured, headlines: Iterable[Headline]) -> Front:
    """The opening, from what the findings would say first."""
    ranked = sorted(headlines, key=lambda one: one.rank)
    results = measured.primary
    seeds = [one.auroc.seeds for one in results]
    cells, most = len(measured.done), max(seeds, default=0)
    slides = max((one.auroc.slides for one in results), default=0)
    return Front(
        {
            "Size": describe_size(cells, most, slides),
            "Compared": _describe_compared(results, measured.order),
            "Tested on": _describe_tested(results, measured.leaks),
            "How sure": _describe_certainty(seeds),
        },
        pick_sentences(ranked),
        next((one.figure for one in ranked if one.figure is not None), None),
        most > 1,
    )


def describe_size(cells: int, seeds: int, slides: int) -> str:
    """How many finished cells there are, the most seeds of a method and the most slides of a test set."""
    counted = ((cells, "cell"), (seeds, "seed"), (slides, "test slide"))
    return ", ".join(f"{number:,} {name}{'s' if number != 1 else ''}" for number, name in counted)


def pick_sentences(ranked: Sequence[Headline]) -> list[str]:
    """The first `MOST` sentences; of what an earlier rank has told nothing is said again."""
    told: dict[str, int] = {}
    for one in ranked:
        if one.words:
            told.setdefault(one.about, one.rank)
    return [one.words for one in ranked if one.words and told[one.about] == one.rank][:MOST]


def _describe_compared(results: Sequence[Result], order: Sequence[str]) -> str:
    """The models, the adaptations with what they mean, and the amounts of labels."""
    keys = [one.configuration for one in results]
    models = sorted({key.model for key in keys})
    adaptations = [name for name in order if any(key.adaptation == name for key in keys)]
    adapted = list_few([explain_adaptation(name) for name in adaptations], "adaptations")
    return f"{list_few(models, 'models')}; {adapted}; {spell_amounts(keys)}"


def _describe_tested(results: Sequence[Result], leaks: bool) -> str:
    """The test sets with their numbers of slides."""
    sets = group_by(results, lambda one: name_tested(one.set, pick_left_out([one]), leaks))
    if len(sets) > FEW:
        return f"{len(sets)} test sets, of {_count_slides(results)} slides"
    return "; ".join(f"{_count_slides(members)} {name}" for name, members in sets.items())


def _count_slides(results: Sequence[Result]) -> str:
    counts = {one.auroc.slides for one in results}
    return f"{max(counts)}" if len(counts) == 1 else f"up to {max(counts)}"


def _describe_certainty(seeds: Sequence[int]) -> str:
    """What intervals and verdicts are about."""
    if max(seeds, default=0) < 2:
        return "one training each: intervals are over slides alone, and no verdict on methods is given"
    once = sum(count == 1 for count in seeds)
    most = (
        f"{max(seeds)} trainings each" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)} trainings each"
    )
    also = f"; no verdict on the {once} of {len(seeds)} results of one training" if once else ""
    return (
        f"{most}; brackets are 95 % intervals over new slides and new trainings; not decided: the bracket of a difference holds "
        f"0, so that these data do not tell{also}"
    )
