"""What can be known to be wrong before any data is opened. Cheap enough to run over a whole grid before its first cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.backbones.spec import BackboneSpec
from mitofm.data import fractions, votes
from mitofm.evaluation.comparisons import Comparisons
from mitofm.ground.config import allowed, instantiate, targets
from mitofm.ground.errors import MitofmError, unknown
from mitofm.runs.identity import neutral

_CHOICES = {
    "fit.precision": ("fp32", "bf16"),
    "fit.budget": ("passes", "steps"),
    "fit.sampler": ("natural", "class", "domain", "class_and_domain"),
    "fit.class_weight": ("balanced", "none"),
    "fit.domain_weight": ("balanced", "none"),
    "fit.labels": votes.LEARNED,
    "fit.test_views": (1, 8),
    "trainer.accelerator": ("auto", "cpu", "cuda"),
    "on_error": ("continue", "raise"),
}
_AT_LEAST_ONE = (
    "fit.batch_size",
    "fit.max_epochs",
    "fit.min_steps",
    "fit.patience",
    "fit.checks",
    "trainer.threads",
    "trainer.devices",
    "trainer.accumulate",
)
_BETWEEN = {
    "fit.focal_gamma": (0, 10),
    "fit.label_smoothing": (0, 1),
    "fit.mixup": (0, 10),
    "fit.cutmix": (0, 10),
}


def check(config: Mapping[str, Any]) -> None:
    """Check a resolved config.

    Raises:
        MitofmError: the first thing that is wrong, with what exists.
    """
    for target in targets(config):
        allowed(target)
    for key, choices in _CHOICES.items():
        if _at(config, key) not in choices:
            raise unknown(key, _at(config, key), choices)
    for key in _AT_LEAST_ONE:
        value = _at(config, key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MitofmError(f"{key}={value}: give a whole number of at least 1")
    steps = _at(config, "fit.max_steps")
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
        raise MitofmError(f"fit.max_steps={steps}: give a whole number of at least 1, or null for no limit")
    for key, (least, most) in _BETWEEN.items():
        if not least <= _at(config, key) <= most:
            raise MitofmError(f"{key}={_at(config, key)}: give a number from {least} to {most}")
    if config["fit"]["budget"] == "steps" and config["fit"]["max_steps"] is None:
        raise MitofmError("fit.budget=steps: say how many with fit.max_steps=...")
    if not isinstance(config["seed"], int) or isinstance(config["seed"], bool) or config["seed"] < 0:
        raise MitofmError(f"seed={config['seed']}: give a whole number of at least 0")
    if config.get("comparisons") is not None:
        Comparisons.from_config(config["comparisons"])
    BackboneSpec.from_config(config["backbone"])
    _check_votes(config)
    fractions.check(config["fraction"], instantiate(config["split"]).fraction_unit)


def _check_votes(config: Mapping[str, Any]) -> None:
    """Votes are of the sample at the centre of a crop: they say nothing of labels that a confounder gives it."""
    for name, confounder in _at(config, "protocol.confounders").items():
        if votes.are_learned(config["fit"]) and "_target_" in confounder and instantiate(confounder).relabels:
            raise MitofmError(
                f"fit.labels=votes: confounder {name!r} gives samples labels that nobody voted on; take fit.labels=majority, "
                "or leave it out"
            )


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        if part not in value:
            if neutral(key) is not None:  # a cell or a YAML from before there was such a key
                return neutral(key)
            raise MitofmError(
                f"{key} is missing: a YAML of your own states all that conf/{key.split('.')[0]}/default.yaml does"
            )
        value = value[part]
    return value
