"""How each configuration does on the samples that experts agree on, and on those that divide them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mitofm.data.votes import DIVIDED, UNANIMOUS
from mitofm.evaluation import statistics
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.measured.results import AUROC, METRICS, Result
from mitofm.reporting.measured.stored import Stored, pool_seeds
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
    cells = {seed: cell for seed, cell in result.group.done.items() if stored.has_votes(cell)}
    for kind in (UNANIMOUS, DIVIDED):
        found, samples = {}, []
        for seed, cell in cells.items():
            measured = stored.measured(cell)
            if kind in measured.agreed.get(result.set, {}):
                found[seed] = measured.agreed[result.set][kind]
                samples.append(measured.agreed_samples[result.set][kind])
        if found:
            pooled = list(pool_seeds(found).values())
            metrics = {name: statistics.estimate(pooled, name) for name in _SHOWN}
            yield Agreed(result.group, result.set, metrics, kind, samples)


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
