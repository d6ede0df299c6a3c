"""The entries of a table's row: what people see under a heading, and beside it what programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.numbers import format_difference, format_interval, format_range, name_set

SETTING, SET, LABELS, MODEL, ADAPTATION = AXES = ("setting", "test set", "labels", "model", "adaptation")
TEST_DOMAIN = "test domain"


class Entry(NamedTuple):
    """A heading, what people see under it (nothing if there is no heading), and what programs read, by column."""

    heading: str = ""
    shown: str = ""
    full: Mapping[str, Any] = {}


def name_row(key: Configuration, tested: str, heading: str = SET, where: str | None = None) -> list[Entry]:
    """The entries that name a row: what was trained how, and the evaluation set.

    Args:
        key: what was trained.
        tested: the evaluation set.
        heading: of the evaluation set.
        where: what people see of setting and training domain; both if it is None.
    """
    trained = {"dataset": key.dataset, "setting": key.setting, "train_domain": key.train_domain}
    return [
        Entry(SETTING, key.where if where is None else where, trained),
        Entry(heading, name_set(tested), {"set": tested}),
        Entry(LABELS, key.share, {"fraction": key.fraction}),
        Entry(MODEL, key.model, {"model": key.model}),
        Entry(ADAPTATION, key.adaptation, {"adaptation": key.adaptation}),
    ]


def hide(entries: Iterable[Entry], *headings: str) -> list[Entry]:
    """The entries, those under `headings` for programs only."""
    return [entry._replace(heading="") if entry.heading in headings else entry for entry in entries]


def show_estimate(
    heading: str, name: str, found: Estimate, format: Callable[[Estimate], str] = format_interval
) -> Entry:
    """An estimate with its interval; the columns start with `name`."""
    full = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return Entry(heading, format(found), full | {f"{name}_slides": found.slides, f"{name}_no_interval": found.why})


def show_difference(heading: str, name: str, found: Estimate) -> Entry:
    """The same of a difference: every number carries its sign."""
    return show_estimate(heading, name, found, format_difference)


def show_support(found: Estimate) -> list[Entry]:
    """How many seeds and slides an estimate is made from."""
    return [Entry("seeds", str(found.seeds)), Entry("slides", str(found.slides))]


def show_outcome(heading: str, said: str, found: Estimate) -> Entry:
    """What is said of a difference; people see the reason if it has no value."""
    return Entry(heading, said if found.value is not None else found.why, {heading: said})


def show_verdict(found: Estimate) -> list[Entry]:
    """What a difference rests on, and whether it is decided."""
    return [*show_support(found), show_outcome("verdict", found.verdict, found)]


def show_range(heading: str, name: str, found: Sequence[float]) -> Entry:
    """Numbers from the least to the most."""
    return Entry(heading, format_range(found), {f"{name}_min": min(found), f"{name}_max": max(found)})
