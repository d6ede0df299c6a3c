"""`mitofm robustness`: whether the embeddings of backbones lie by class, or by scanner and domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.commands.composing.compose import compose
from mitofm.commands.composing.several import split
from mitofm.commands.showing.terminal_table import show
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_parquet, write_text
from mitofm.ground.settings import Count, read
from mitofm.ground.terminal import tell
from mitofm.runs.execute import check
from mitofm.runs.resolve import resolve

if TYPE_CHECKING:
    from mitofm.evaluation.robustness import Robustness
    from mitofm.training.settings import Settings

_USUAL = ("scanner", "domain")


@dataclass(frozen=True, kw_only=True)
class RobustnessSettings:
    """The keys of `conf/robustness.yaml` that `conf/train.yaml` does not have."""

    by: tuple[str, ...] | None
    k: tuple[Count, ...]
    pairs: Count
    drop: bool
    out: Path | None

    def __post_init__(self) -> None:
        if not self.k or any(one % 2 == 0 for one in self.k):
            raise MitofmError(f"k={list(self.k)}: give odd numbers of neighbours, whose votes have no ties")
        if self.out is not None and self.out.suffix not in (".csv", ".parquet"):
            raise MitofmError(f"out={self.out}: give a file that ends with .csv or .parquet")


def main(arguments: list[str]) -> None:
    """Measure each backbone, print the table, and keep it for reports."""
    cells = [_read(words) for words in split(arguments, "backbone", "backbone.weights")]
    from mitofm.reporting.robustness import tabulate
    from mitofm.runs.robustness import Record
    from mitofm.training.extraction import read_frozen

    for _, settings in cells:
        read_frozen(settings)
    records = []
    for asked, settings in cells:
        record = Record.of(settings, dict(_measure(asked, settings)))
        record.keep(settings.paths.runs)
        records.append(record)
    table = tabulate(records)
    show(table)
    if out := cells[0][0].out:
        if out.suffix == ".csv":
            from mitofm.ground.csv_cells import to_csv

            write_text(out, to_csv(table.full))
        else:
            write_parquet(out, table.full)
        tell(out)


def _read(arguments: Sequence[str]) -> tuple[RobustnessSettings, Settings]:
    config: dict[str, Any] = resolve(compose("robustness", arguments))
    asked = read(RobustnessSettings, {one.name: config.pop(one.name) for one in fields(RobustnessSettings)})
    return asked, check(config)


def _measure(asked: RobustnessSettings, settings: Settings) -> Iterator[tuple[str, Robustness]]:
    """What is found by each column; of the usual ones those that can be compared."""
    from mitofm.data.annotations import require_labels, units
    from mitofm.evaluation.robustness import find_levels, measure
    from mitofm.training.extraction import extract

    table = require_labels(settings.dataset.store().table)
    table = table.assign(slide=units(table))
    comparable, refused = [], []
    for by in asked.by or _USUAL:
        try:
            find_levels(table, by, asked.pairs)
            comparable.append(by)
        except MitofmError as error:
            if asked.by:
                raise
            refused.append(str(error))
    if not comparable:
        raise MitofmError("; ".join(refused))
    features = extract(settings)[1].reshape(len(table), -1)
    for by in comparable:
        yield by, measure(table, features, by, asked.k, asked.pairs, asked.drop)
