"""What can be known to be wrong before any data is opened. Cheap enough to run over a whole grid before its first cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.backbones.spec import BackboneSpec
from mitofm.config import allowed, instantiate, targets
from mitofm.data import fractions
from mitofm.errors import MitofmError, unknown

_CHOICES = {
    "fit.precision": ("fp32", "bf16"),
    "fit.class_weight": ("balanced", "none"),
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
)


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
    if not isinstance(config["seed"], int) or isinstance(config["seed"], bool) or config["seed"] < 0:
        raise MitofmError(f"seed={config['seed']}: give a whole number of at least 0")
    BackboneSpec.from_config(config["backbone"])
    fractions.check(config["fraction"], instantiate(config["split"]).fraction_unit)


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value
