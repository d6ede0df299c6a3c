"""The cells of a table's row: what people see under a heading, and beside it what programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.counts import spread
from mitofm.reporting.numbers import set_words, with_interval

SETTING, SET, LABELS, MODEL, ADAPTATION = AXES = ("setting", "test set", "labels", "model", "adaptation")
TEST_DOMAIN = "test domain"


class Cell(NamedTuple):
    """A heading, what people see under it (nothing where there is no heading), and what programs read, by column."""

    heading: str = ""
    shown: str = ""
    full: Mapping[str, Any] = {}


def naming(key: Configuration, tested: str, heading: str = SET, where: str | None = None) -> list[Cell]:
    """The cells that name a row: what was trained how, and the evaluation set `tested`.

    Args:
        key: what was trained.
        tested: the evaluation set.
        heading: over it.
        where: what people see of setting and training domain; both where it is None.
    """
    trained = {"dataset": key.dataset, "setting": key.setting, "train_domain": key.train_domain}
    return [
        Cell(SETTING, key.where if where is None else where, trained),
        Cell(heading, set_words(tested), {"set": tested}),
        Cell(LABELS, key.share, {"fraction": key.fraction}),
        Cell(MODEL, key.model, {"model": key.model}),
        Cell(ADAPTATION, key.adaptation, {"adaptation": key.adaptation}),
    ]


def unseen(cells: Iterable[Cell], *headings: str) -> list[Cell]:
    """The cells, those under `headings` for programs only."""
    return [cell._replace(heading="") if cell.heading in headings else cell for cell in cells]


def interval(heading: str, name: str, found: Estimate, printed: Callable[[Estimate], str] = with_interval) -> Cell:
    """An estimate with its interval; columns start with `name`."""
    full = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return Cell(heading, printed(found), full | {f"{name}_slides": found.slides, f"{name}_no_interval": found.why})


def behind(found: Estimate) -> list[Cell]:
    """How many seeds and slides an estimate is made from."""
    return [Cell("seeds", str(found.seeds)), Cell("slides", str(found.slides))]


def verdict(heading: str, said: str, found: Estimate) -> Cell:
    """What is said of a difference; for people the reason where it has no value."""
    return Cell(heading, said if found.value is not None else found.why, {heading: said})


def numbers(heading: str, name: str, found: Sequence[float]) -> Cell:
    """From the least to the most."""
    return Cell(heading, spread(found), {f"{name}_min": min(found), f"{name}_max": max(found)})
