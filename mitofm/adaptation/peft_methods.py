"""What each of peft's methods needs in a frozen ViT, or why it is refused: as found by running it under peft `RUN_UNDER`."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.settings import Count, Positive, read_value

RUN_UNDER = "0.21.2"
"""The peft under which every method was run (`make adaptations`). Under another, each is tried before it is trained."""


@dataclass(frozen=True)
class Method:
    """What mitofm knows of a method.

    Attributes:
        refused: why it is not trained, and the way out; "" for one that is.
        key: the setting that it may need, by its name at peft, and what to give; "" if its defaults fit any ViT.
        defaults: settings that follow from the names of the adapted matrices; the user's own go before.
        kept: attributes of its layers that a checkpoint holds beside what is trained: bases that it decomposes the
            frozen weights into, which another machine's linear algebra finds with other signs.
        without_effect: settings that it takes and ignores, and why.
    """

    refused: str = ""
    key: str = ""
    defaults: Callable[[Sequence[str]], dict[str, Any]] = lambda adapted: {}
    kept: tuple[str, ...] = ()
    without_effect: dict[str, str] = field(default_factory=dict)


_SHARED = "its adapters share tensors that peft keeps outside the layers since 0.21, so that it cannot be put into a plain module"
_ALLOCATION = "it allocates its budget by a call at every training step, which mitofm's loop does not make"

_PLAIN = (
    "beft", "deft", "delora", "fourierft", "glora", "gralora", "hra", "lily", "loha", "lokr", "lora", "miss", "peanut",
    "randlora", "shira", "supertuning", "waveft",
)  # fmt: skip
_ADAMSS_ALLOCATES = (
    "use_asa", "asa_target_subspaces", "init_warmup", "final_warmup", "mask_interval", "asa_importance_beta",
    "asa_uncertainty_beta", "asa_schedule_exponent",
)  # fmt: skip
METHODS = {
    **{name: Method() for name in _PLAIN},
    "adalora": Method(f"{_ALLOCATION}: it would be LoRA of the initial rank; take adaptation=lora"),
    "adamss": Method(
        kept=("adamss_newB", "scatter_index"), without_effect=dict.fromkeys(_ADAMSS_ALLOCATES, _ALLOCATION)
    ),
    "adaption_prompt": Method("it adapts the attention of language models; take adaptation=prompt"),
    "boft": Method(without_effect={"boft_n_butterfly_factor": "peft sets it to 1 unless its CUDA extension compiles"}),
    "c3a": Method(key="block_size, a common divisor of the sides of all adapted matrices"),
    "frod": Method(f"{_SHARED}; take adaptation.method=randlora"),
    "hira": Method(without_effect={"rank_pattern": "peft reads it and gives every matrix the same rank"}),
    "ia3": Method(
        defaults=lambda adapted: {"feedforward_modules": [name for name in adapted if name.endswith(".mlp.fc2")]}
    ),
    "ln_tuning": Method(
        "it trains a copy of whatever it is pointed at, and mitofm's targets are linear layers, not norms: it would be full "
        "fine-tuning of them; take adaptation=bitfit, which trains the norms' biases too"
    ),
    "oft": Method(key="oft_block_size, a divisor of the input side of all adapted matrices (peft alters another one)"),
    "osf": Method(without_effect={"target_svd_config": "peft does not read it"}),
    "poly": Method("it routes between several tasks by a task id, and there is one; take adaptation=lora"),
    "psoft": Method(
        kept=("_psoft_A_cache", "_psoft_B_cache"),
        without_effect={"psoft_alpha": "the frozen factors are divided by the scale that it sets"},
    ),
    "pvera": Method(f"{_SHARED}; take adaptation.method=randlora"),
    "road": Method(key="group_size, a divisor of the output side of all adapted matrices"),
    "shadow": Method("it adds a second network beside a language model; take adaptation=lora"),
    "tinylora": Method(f"{_SHARED}; take adaptation.method=psoft"),
    "trainable_tokens": Method(
        "it trains rows of a vocabulary's embedding, and a ViT has none; take adaptation=prompt"
    ),
    "unilora": Method(f"{_SHARED}; take adaptation.method=fourierft"),
    "vblora": Method(f"{_SHARED}; take adaptation=lora"),
    "vera": Method(f"{_SHARED}; take adaptation.method=randlora"),
}
"""Every method of that peft with target modules."""

_MATRICES = "adaptation.targets and adaptation.last_blocks say which matrices are adapted"
_NOTHING = "it changes nothing in the linear layers of a ViT"
_DATA = "it is for an initialisation that is refused"
_LOSS = "it needs a term of its own in the loss, which mitofm's loop does not add"
WITHOUT_EFFECT = {
    **dict.fromkeys(
        ("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save",
         "target_parameters", "layer_replication", "trainable_token_indices", "ensure_weight_tying"),
        _MATRICES,
    ),
    **dict.fromkeys(
        ("task_type", "peft_type", "peft_version", "auto_mapping", "base_model_name_or_path", "revision", "fan_in_fan_out",
         "megatron_config", "megatron_core", "runtime_config", "use_qalora", "qalora_group_size", "use_effective_conv2d",
         "save_projection", "save_precomputed_indices"),
        _NOTHING,
    ),
    **dict.fromkeys(("loftq_config", "eva_config", "corda_config", "lora_ga_config"), _DATA),
    **dict.fromkeys(("kasa_config", "monteclora_config"), _LOSS),
    "bias": "the backbone's own biases stay frozen; adaptation=bitfit trains them",
    "inference_mode": "it would freeze the adapters",
    "alora_invocation_tokens": "it looks for tokens of a text",
    "arrow_config": "it routes between adapters that were trained before",
    "use_bdlora": "it shards LoRA for serving, and leaves matrices it does not name as they are",
    "velora_config": "its backward pass keeps a state that no checkpoint holds, so that a resumed cell would be another",
}  # fmt: skip
"""Settings of any method that would change nothing, or other things than a cell's record says, and why."""

INITIALISATIONS = (True, False, "gaussian", "orthogonal", "mica", "pissa", "pissa_niter_4", "olora")
"""Of LoRA's initialisations (`init_lora_weights`), those that are what they are called; pissa_niter_N with any N."""

INITIALISED_ELSEWHERE = {
    "eva": "peft needs activations of the training data for it (arXiv 2410.07170) and gives plain LoRA without",
    "lora_ga": "peft needs gradients on the training data for it (arXiv 2407.05000) and gives plain LoRA without",
    "corda": "peft needs activations of the training data for it (arXiv 2406.05223)",
    "loftq": "it quantises the frozen weights, and a cell's backbone is the one it names",
}


def parse_settings(method: str, settings: dict[str, Any], name: str) -> partial[Any]:
    """Peft's config of a method, but for its target modules.

    Args:
        settings: under peft's names; `rank`, `alpha` and `dropout` are understood for every method that has them.
        name: of the adaptation, for errors.

    Raises:
        MitofmError: peft has no such method or the method no such setting, mitofm refuses it, or it would have no effect.
    """
    configs = list_methods()
    if method not in configs:
        raise unknown("adaptation.method", method, configs, "peft")
    known_as = METHODS.get(method, Method())
    if known_as.refused:
        raise MitofmError(f"adaptation.method={method} is refused: {known_as.refused}")
    known = [one.name for one in fields(configs[method])]
    named = {}
    for key, value in settings.items():
        spellings = (key, "r" if key == "rank" else f"{method}_{key}")
        field_name = next((spelling for spelling in spellings if spelling in known), None)
        if field_name is None:
            raise unknown("setting", key, known, f"peft's {method} (adaptation {name!r})")
        stated = configs[method].__dataclass_fields__[field_name]
        default = stated.default_factory() if callable(stated.default_factory) else stated.default
        why = known_as.without_effect.get(field_name) or WITHOUT_EFFECT.get(field_name)
        if why and value != default:
            raise MitofmError(f"adaptation.{key}={value} of peft's {method} is refused: {why}. Leave it out")
        _check_type(key, value, default)
        if stated.type in (bool, "bool") and not isinstance(value, bool):
            raise MitofmError(f"adaptation.{key}={value}: give true or false")
        named[field_name] = value
    _check_initialisation(named.get("init_lora_weights", True))
    _try(configs[method], named, method)
    return partial(configs[method], **named)


def list_methods() -> dict[str, Any]:
    """The config of every method of the installed peft that has target modules, by name."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    configs = {kind.value.lower(): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    return {kind: config for kind, config in configs.items() if "target_modules" in config.__dataclass_fields__}


def check_patterns(config: Any, adapted: Iterable[str], method: str) -> None:
    """Refuse a setting per matrix, such as `rank_pattern`, that names no adapted matrix, or only what an earlier key names.

    Raises:
        MitofmError: there is one.
    """
    from peft.utils.other import get_pattern_key

    for one in fields(config):
        if one.name.endswith("_pattern") and isinstance(keys := getattr(config, one.name), dict):
            idle = keys.keys() - {get_pattern_key(list(keys), name) for name in adapted}
        elif one.name == "feedforward_modules" and not isinstance(keys := getattr(config, one.name), str):
            idle = {key for key in keys or () if not any(f".{name}".endswith(f".{key}") for name in adapted)}
        else:
            continue
        if idle:
            raise MitofmError(
                f"adaptation.{one.name} of peft's {method} has no effect for {', '.join(map(repr, sorted(idle)))}: no adapted "
                f"matrix has this name, or an earlier key has taken it. They are: {', '.join(sorted(adapted)[:6])}, ..."
            )


def check_taken(config: Any, settings: Iterable[str], layer: Any, method: str) -> None:
    """Refuse a number that peft has altered on the way into a layer, as OFT does with a block that does not fit.

    Raises:
        MitofmError: there is one.
    """
    patterned = any(getattr(config, one.name) for one in fields(config) if one.name.endswith("_pattern"))
    for key in settings:
        held, given = getattr(layer, key, None), getattr(config, key)
        taken = held.get("default") if isinstance(held, dict) and not patterned else None
        literal = isinstance(given, int | float) and given != 0 and not 0 < given < 1  # 0: derived; below 1: a share
        if literal and isinstance(taken, int | float) and taken != given:
            raise MitofmError(
                f"adaptation.{key}={given} does not fit a matrix of {layer.in_features} x {layer.out_features}: peft's "
                f"{method} would take {taken}. Give a number that divides the sides of all adapted matrices"
            )


def _check_type(key: str, value: Any, default: Any) -> None:
    """Refuse a value of another type than a default that is a number or a map; what peft does with others is its own."""
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number and (not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value)):
        raise MitofmError(f"adaptation.{key}={value}: give a number, such as {default}")
    if key in ("rank", "r"):
        read_value(Count, value, f"adaptation.{key}")
    if key.endswith("alpha") and value is not None:  # at 0 an adapter adds nothing
        read_value(Positive, value, f"adaptation.{key}")
    if key.endswith("dropout") and not 0 <= value < 1:
        raise MitofmError(f"adaptation.{key}={value}: give a probability from 0 up to, but not, 1")
    if isinstance(default, dict) and not isinstance(value, dict):
        raise MitofmError(f"adaptation.{key}={value}: give a map, such as {{fc1: 4}}")


def _check_initialisation(value: Any) -> None:
    if isinstance(value, str) and value in INITIALISED_ELSEWHERE:
        raise MitofmError(
            f"adaptation.init_lora_weights={value} is refused: {INITIALISED_ELSEWHERE[value]}. Take pissa, olora, mica, "
            "orthogonal, gaussian, or leave it out"
        )
    named = value in INITIALISATIONS[2:] or re.fullmatch(r"pissa_niter_\d+", str(value))
    if not (named or isinstance(value, bool)):
        raise unknown("adaptation.init_lora_weights", value, map(str, INITIALISATIONS), "LoRA's initialisations")


def _try(config: Any, named: dict[str, Any], method: str) -> None:
    """Build the config once, before anything costs; a setting that peft says it ignores is refused."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            config(target_modules=".*", **named)
        except Exception as error:  # each config has its own checks, which meet some values with whatever Python raises
            raise MitofmError(f"peft's {method} does not take these settings: {error}") from error
    for one in said:
        if "ignored" in str(one.message):
            raise MitofmError(f"peft's {method} does not take these settings as they are: {one.message}")
