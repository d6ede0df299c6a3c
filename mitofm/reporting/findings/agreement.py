"""How each configuration does on the samples that experts agree on, and on those that divide them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from mitofm.data.votes import DIVIDED, UNANIMOUS
from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import Replicates, replicate
from mitofm.ground import fingerprints
from mitofm.reporting.estimates import AUROC, METRICS, Result, Stored, pool_seeds
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.tables import AXES, Entry, Table, make_table, name_row, show_estimate, show_range, show_support

_SHOWN = (AUROC, "balanced_accuracy", "balanced_accuracy_chosen")
_SAMPLES = "test samples"


@dataclass(frozen=True)
class Agreed(Result):
    """The result on the samples of an evaluation set on which the experts' agreement is `kind`, unanimous or divided.

    `samples` says how many there are in each repetition.
    """

    kind: str
    samples: Sequence[int]


def find(measured: Measured) -> Found:
    """Both kinds of samples; nothing of data sets without votes."""
    found = [one for result in measured.primary for one in split_samples(measured.stored, result)]
    return Found([show_table(tabulate(found), folded=True)] if found else ())


def split_samples(stored: Stored, result: Result) -> Iterator[Agreed]:
    """The result on unanimous and on divided samples; nothing of data sets without votes."""
    known = {seed: stored.collected.agreement(cell) for seed, cell in result.group.done.items()}
    if not any(len(of) for of in known.values()):
        return
    for kind in (UNANIMOUS, DIVIDED):
        parts = {
            seed: part[part["sample_id"].map(known[seed]) == kind]
            for seed, part in stored.predictions(result.group, result.set).items()
        }
        tested = {seed: part for seed, part in parts.items() if len(part)}
        if tested:
            cells = result.group.done
            measured = pool_seeds({key: _measure(stored, cells[key], part) for key, part in tested.items()})
            metrics = {name: statistics.estimate(list(measured.values()), name) for name in _SHOWN}
            yield Agreed(result.group, result.set, metrics, kind, [len(part) for part in tested.values()])


def _measure(stored: Stored, cell: str, part: pd.DataFrame) -> Replicates:
    """The metrics on some samples of a cell's test side, kept for the next report."""
    threshold, shift = stored.thresholds[cell], stored.shifts[cell]
    samples = fingerprints.of(part["sample_id"].tolist())
    made_of = ["agreement", stored.content(cell), threshold, shift, samples]
    return Replicates(**stored.kept.get(made_of, lambda: asdict(replicate(part, threshold, shift))))


def tabulate(found: Sequence[Agreed]) -> Table:
    """Two rows of every configuration: what experts agree on, and what divides them."""
    rows = [
        [
            *name_row(one.configuration, one.set),
            Entry("experts", one.kind, {"experts": one.kind}),
            show_range(_SAMPLES, "samples", one.samples),
            *(
                show_estimate(f"{METRICS[name]} (95 % interval)", name, estimate)
                for name, estimate in one.metrics.items()
            ),
            *show_support(one.metrics[AUROC]),
        ]
        for one in found
    ]
    note = (
        "Unanimous: all of at least two experts gave a test sample the same label. Divided: they did not, and its label is "
        "that of most of them (of a tie, what the data set says). A lower value on divided samples is in part due to "
        "these labels, with which not every expert agrees either."
    )
    estimates = [estimate for one in found for estimate in one.metrics.values()]
    return make_table("agreement", "By agreement of the experts", rows, note, (*AXES, "seeds"), estimates)
