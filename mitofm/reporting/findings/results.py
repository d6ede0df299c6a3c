"""Every configuration over its seeds: each metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.evaluation.statistics import Estimate
from mitofm.evaluation.within import MINIMUM_OF_EACH
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.measured.results import AUROC, METRICS, Result
from mitofm.reporting.numbers import NOTHING
from mitofm.reporting.tables import Entry, Table, hide, make_table, name_row, show_confounded, show_estimate

SD_OF_TRAINING = "of it training"
_PRINTED = (
    AUROC, "slide_macro_auroc", "domain_mean_auroc", "balanced_accuracy", "balanced_accuracy_chosen", "average_precision",
    "weighted_f1",
)  # fmt: skip
_OF_PROBABILITIES = ("calibration_error", "calibration_noise", "brier", "calibration_intercept", "calibration_slope")


def find(measured: Measured) -> Found:
    """The table of all, and that of the probabilities."""
    return Found([show_table(tabulate(measured.primary)), show_table(tabulate_probabilities(measured.primary))])


def tabulate(results: Sequence[Result]) -> Table:
    """A row for each configuration and evaluation set."""
    rows = (
        [
            *name_row(result.configuration, result.set),
            *show_repetitions(result),
            *(entry for name, found in result.metrics.items() for entry in show_metric(name, found)),
            *show_confounded(result),
        ]
        for result in results
    )
    note = (
        "Mean over seeds; intervals are over new slides and new trainings. The sd between seeds (of AUROC) is what is seen; "
        "of it, training is what their different test slides do not explain. AUROC ranks all samples of a test set together, "
        "so it counts shifts of the logits between slides and domains too. Inside slides: the mean of the AUROC of each slide "
        f"with at least {MINIMUM_OF_EACH} samples of each class; inside domains: the mean of that of each test domain. Average "
        "precision and weighted F1 depend on how common positives are: do not compare them across test sets."
    )
    shown = [result.metrics[name] for result in results for name in _PRINTED[:3]]
    return make_table("results", "Results over seeds", rows, note, estimates=shown)


def tabulate_probabilities(results: Sequence[Result]) -> Table:
    """Whether probabilities are right, for each configuration and evaluation set."""
    rows = (
        [
            *name_row(result.configuration, result.set),
            *hide(show_repetitions(result), "seeds", "slides"),
            *(show_estimate(METRICS[name], name, result.metrics[name]) for name in _OF_PROBABILITIES),
        ]
        for result in results
    )
    note = (
        "Mean over seeds. A calibration intercept under 0: probabilities are too high; a slope under 1: they are too extreme. "
        "The calibration error of chance is what a model would show whose probabilities are right, on as many samples: an "
        "error near it is compatible with perfect calibration. The error has no interval, since bins make it too high by just "
        "that. It and the Brier score depend on how common positives are: do not compare them across test sets. Brackets are 95 % "
        "intervals."
    )
    return make_table("probabilities", "Probabilities over seeds", rows, note)


def show_repetitions(result: Result) -> list[Entry]:
    """How many seeds the set was tested in and on how many slides; people see also if cells of theirs are missing."""
    counted, done, planned = result.auroc.seeds, len(result.group.done), result.group.planned
    shown = str(counted) if done == planned else f"{counted} ({done} of {planned} cells)"
    return [Entry("seeds", shown, {"seeds": counted, "planned": planned}), Entry("slides", str(result.auroc.slides))]


def show_metric(name: str, found: Estimate) -> list[Entry]:
    """A metric and how seeds differ in it; people see some metrics, and the seeds of AUROC only."""
    seen = {"sd between seeds": found.seed_sd, SD_OF_TRAINING: found.training_sd} if name == AUROC else {}
    return [
        show_estimate(f"{METRICS[name]} (95 % interval)" if name in _PRINTED else "", name, found),
        *(Entry(heading, NOTHING if spread is None else f"{spread:.3f}") for heading, spread in seen.items()),
        Entry(full={f"{name}_seed_sd": found.seed_sd, f"{name}_training_sd": found.training_sd}),
    ]
