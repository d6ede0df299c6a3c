"""A configuration's metrics on an evaluation set, and differences of two: what findings are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan

from mitofm.data.splits.part import OUT_OF_DOMAIN
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.measured.configurations import Configuration, Group, name_confounders

ALL, DOMAIN = "all", "domain:"
AUROC = "auroc"
METRICS = {
    AUROC: "AUROC",
    "slide_macro_auroc": "AUROC inside slides",
    "domain_mean_auroc": "AUROC inside domains",
    "balanced_accuracy": "balanced accuracy at 0.5",
    "balanced_accuracy_chosen": "balanced accuracy at the chosen threshold",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
    "calibration_error": "calibration error",
    "calibration_noise": "calibration error of chance",
    "best_balanced_accuracy": "balanced accuracy at the best threshold",
    "sensitivity_chosen": "sensitivity at the chosen threshold",
    "specificity_chosen": "specificity at the chosen threshold",
    "weighted_f1": "weighted F1 at 0.5",
    "weighted_f1_chosen": "weighted F1 at the chosen threshold",
}
"""Every metric of `metrics.json`, the primary one first, and what reports call it."""


@dataclass(frozen=True)
class Result:
    """One configuration on one evaluation set: its group of cells, and the estimate of each metric by name.

    `ppvs` has by prevalence the positive predictive values, of what a report compares first, and `share_positive` is the share
    of positives there.
    """

    group: Group
    set: str
    metrics: Mapping[str, Estimate]
    ppvs: Mapping[float, Estimate] = field(default_factory=dict, kw_only=True)
    share_positive: float = field(default=nan, kw_only=True)

    @property
    def configuration(self) -> Configuration:
        """What was measured."""
        return self.group.configuration

    @property
    def named(self) -> str:
        """The model and the adaptation."""
        return f"{self.configuration.model}, {self.configuration.adaptation}"

    @property
    def confounded(self) -> str:
        """What else is missing from training with the domain that is left out and tested here, in words; "" if nothing."""
        left_out = self.configuration.left_out
        if not left_out or self.set not in (OUT_OF_DOMAIN, f"{DOMAIN}{left_out}"):
            return ""
        return name_confounders(self.group.confounded_with)

    @property
    def auroc(self) -> Estimate:
        """The primary endpoint."""
        return self.metrics[AUROC]


@dataclass(frozen=True)
class Pair:
    """Two results, and the AUROC of the first minus that of the second."""

    first: Result
    second: Result
    difference: Estimate

    @property
    def configuration(self) -> Configuration:
        """That of the first."""
        return self.first.configuration


def pick_primary(results: Iterable[Result]) -> list[Result]:
    """The results on the named evaluation sets of each configuration; on all test samples if it names none."""
    results = [result for result in results if not result.set.startswith(DOMAIN)]
    named = {result.configuration for result in results if result.set != ALL}
    return [result for result in results if (result.set != ALL) == (result.configuration in named)]


def pick_domains(results: Iterable[Result]) -> list[Result]:
    """The results on single test domains."""
    return [result for result in results if result.set.startswith(DOMAIN)]


def collect_names(results: Iterable[Result]) -> set[str]:
    """The models, adaptations and domains of `results`."""
    keys = [(result.configuration, result.set.removeprefix("domain:")) for result in results]
    return {name for key, tested in keys for name in (key.model, key.adaptation, key.train_domain, tested)}
