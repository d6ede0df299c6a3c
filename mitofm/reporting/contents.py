"""Which tables a report has, and what is in their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.contrasts import Contrast, Gap
from mitofm.reporting.counts import Counts, spread
from mitofm.reporting.estimates import AUROC, METRICS, Result
from mitofm.reporting.numbers import NOTHING, difference, set_words, with_interval
from mitofm.reporting.tables import Table, columns_of, table

_WHERE, _SET, _LABELS, _MODEL, _ADAPTATION = "setting", "test set", "labels", "model", "adaptation"
AXES = (_WHERE, _SET, _LABELS, _MODEL, _ADAPTATION)
_PRINTED = ("balanced_accuracy", "balanced_accuracy_chosen", "average_precision", "calibration_error", "weighted_f1")


def results_table(results: Sequence[Result]) -> Table:
    """Every configuration over its seeds: each metric with its interval."""
    rows = []
    for result in results:
        intervals = {f"{METRICS[name]} (95 % interval)": with_interval(result.metrics[name]) for name in _PRINTED}
        shown = {
            **shown_axes(result.configuration, result.set),
            "seeds": result.group.seeds,
            "slides": str(result.auroc.slides),
            "AUROC (95 % interval)": with_interval(result.auroc),
            "sd between seeds": _sd(result.auroc.seed_sd),
            "of it training": _sd(result.auroc.training_sd),
            **intervals,
        }
        full = {
            **full_axes(result.configuration, result.set),
            "seeds": len(result.group.done),
            "planned": result.group.planned,
        }
        for name, found in result.metrics.items():
            full |= columns_of(name, found) | {
                f"{name}_seed_sd": found.seed_sd,
                f"{name}_training_sd": found.training_sd,
            }
        rows.append((shown, full))
    note = (
        "Mean over seeds; intervals are over slides. The sd between seeds (of AUROC) is what is seen; of it, training is "
        "what their different test slides do not explain. Average precision and weighted F1 depend on how common "
        "positives are: do not compare them across test sets. The calibration error is too high where cells are few."
    )
    return table("results", "Results over seeds", rows, note + no_interval(r.auroc for r in results), AXES)


def domains_table(results: Sequence[Result]) -> Table:
    """AUROC of every configuration on each test domain."""
    rows = [
        (
            {
                **shown_axes(result.configuration, result.set, "test domain"),
                "seeds": result.group.seeds,
                "slides": str(result.auroc.slides),
                "AUROC (95 % interval)": with_interval(result.auroc),
                "sd between seeds": _sd(result.auroc.seed_sd),
            },
            {
                **full_axes(result.configuration, set_words(result.set)),
                "seeds": len(result.group.done),
                "planned": result.group.planned,
                **columns_of(AUROC, result.auroc),
                "auroc_seed_sd": result.auroc.seed_sd,
                "auroc_training_sd": result.auroc.training_sd,
            },
        )
        for result in results
    ]
    return table("domains", "AUROC by test domain", rows, no_interval(r.auroc for r in results).strip(), AXES)


def contrasts_table(name: str, title: str, contrasts: Sequence[Contrast], axis: str, note: str) -> Table:
    """Paired differences along one axis."""
    rows = []
    for contrast in contrasts:
        key, found = contrast.configuration, contrast.difference
        shown = {column: value for column, value in shown_axes(key, contrast.set).items() if column != axis}
        shown |= {
            "difference": f"{contrast.first} \N{MINUS SIGN} {contrast.second}",
            "AUROC (95 % interval)": difference(found),
            "seeds": str(found.seeds),
            "slides": str(found.slides),
            "verdict": contrast.verdict if found.value is not None else found.why,
        }
        full = {
            **full_axes(key, contrast.set),
            "first": contrast.first,
            "second": contrast.second,
            "seeds": found.seeds,
        }
        rows.append((shown, full | columns_of("difference", found) | {"verdict": contrast.verdict}))
    note += f" {len(rows)} intervals, each by itself: they are not corrected for their number." if len(rows) > 1 else ""
    return table(name, title, rows, note + no_interval(c.difference for c in contrasts), [a for a in AXES if a != axis])


def gaps_table(gaps: Sequence[Gap]) -> Table:
    """In-domain and out-of-domain AUROC, and the first minus the second."""
    rows = []
    for gap in gaps:
        shown = {column: value for column, value in shown_axes(gap.configuration, "").items() if column != _SET}
        shown |= {
            "in-domain AUROC": with_interval(gap.inside),
            "out-of-domain AUROC": with_interval(gap.outside),
            "gap (95 % interval)": difference(gap.difference),
            "slides": f"{gap.inside.slides} + {gap.outside.slides}",
            "verdict": gap.verdict,
        }
        full: dict[str, Any] = {k: v for k, v in full_axes(gap.configuration, "").items() if k != "set"}
        for name, found in (("in_domain", gap.inside), ("out_of_domain", gap.outside), ("gap", gap.difference)):
            full |= columns_of(name, found)
        rows.append((shown, full))
    note = (
        "Two different sets of slides, taken as independent. A gap mixes what the change of domain costs with how hard "
        "the cells of either domain are."
    )
    axes = [axis for axis in AXES if axis != _SET]
    return table("gaps", "In-domain minus out-of-domain", rows, note + no_interval(g.difference for g in gaps), axes)


def data_table(results: Sequence[Result], counts: Counts, positive: str, negative: str) -> Table:
    """How many cells were learned from and tested on, by setting, evaluation set and fraction."""
    seen: dict[tuple[str, str, float, str], list[Result]] = {}
    for result in results:
        key = result.configuration
        seen.setdefault((key.where, result.set, key.fraction, key.share), []).append(result)
    rows = []
    for (where, tested, fraction, share), members in sorted(seen.items()):
        train = [n for member in members for n in counts.train(member.group)]
        validation = [n for member in members for n in counts.validation(member.group)]
        test = [found for member in members for found in counts.tested(member.group, tested)]
        shown = {
            _WHERE: where,
            _SET: set_words(tested),
            _LABELS: share,
            "training cells": spread(train),
            "validation cells": spread(validation),
            "test cells": spread([n for n, _, _ in test]),
            f"of them {positive}": spread([n for _, n, _ in test]),
            f"of them {negative}": spread([n - p for n, p, _ in test]),
            "test slides": spread([n for _, _, n in test]),
        }
        full: dict[str, Any] = {"setting": where, "set": tested, "fraction": fraction}
        columns = {
            "train": train,
            "validation": validation,
            "test": [n for n, _, _ in test],
            "test_positive": [n for _, n, _ in test],
            "test_slides": [n for _, _, n in test],
        }
        for name, numbers in columns.items():
            full |= {f"{name}_min": min(numbers), f"{name}_max": max(numbers)}
        rows.append((shown, full))
    note = "Per seed; from the least to the most where seeds differ."
    return table("data", "Cells learned from and tested on", rows, note, (_WHERE, _SET))


def unfinished_table(cells: pd.DataFrame) -> Table:
    """The cells that are in no number of the report, and why."""
    full = cells[["cell", "state", "reason"]]
    shown = full.replace({"reason": {"": NOTHING}}).astype(str)
    return Table("unfinished", "Cells without a result", shown, full, "They are in no number of this report.")


def shown_axes(key: Configuration, tested: str, set_column: str = _SET, trained: bool = True) -> dict[str, str]:
    """The columns that name a row for people; `trained` says whether the training domain is among them."""
    axes = {_WHERE: key.where if trained else key.setting, set_column: set_words(tested), _LABELS: key.share}
    return axes | {_MODEL: key.model, _ADAPTATION: key.adaptation}


def full_axes(key: Configuration, tested: str) -> dict[str, Any]:
    """The columns that name a row for programs."""
    return {
        "dataset": key.dataset,
        "setting": key.setting,
        "train_domain": key.train_domain,
        "set": tested,
        "fraction": key.fraction,
        "model": key.model,
        "adaptation": key.adaptation,
    }


def _sd(spread: float | None) -> str:
    return NOTHING if spread is None else f"{spread:.3f}"


def no_interval(estimates: Iterable[Estimate]) -> str:
    """The reasons why some of the estimates have no interval, as the last sentence of a note."""
    reasons = sorted({estimate.why for estimate in estimates if estimate.why})
    return f" No interval where: {'; '.join(reasons)}." if reasons else ""
