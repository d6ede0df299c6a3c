"""The findings of a report, one file each. A new finding is a new file and its name in this list, the order on the page."""

from importlib import import_module

_NAMES = (
    "estimand", "cautions", "selection", "stated", "scaling", "scaling_laws", "best", "differences", "rankings", "domain_matrix",
    "domain_shift", "robustness", "domains", "cost", "roc", "reliability", "predictive_values", "counts", "detection", "agreement",
    "mistakes", "results", "samples",
)  # fmt: skip
FINDINGS = tuple(import_module(f"{__name__}.{name}") for name in _NAMES)
