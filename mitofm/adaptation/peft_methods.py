"""What methods and settings of peft need to be what they are called; run under peft 0.21.2, `make adaptations` runs them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_LANGUAGE = "it is made of parts of a language model, and a ViT has none"
REFUSED = {
    "adalora": "its ranks follow a schedule that a training loop of its own calls: take adaptation=lora adaptation.rank=N",
    "adaption_prompt": f"{_LANGUAGE}: take adaptation=prompt",
    "ln_tuning": "on linear layers it trains whole matrices: take adaptation=full, or adaptation=bitfit for norms",
    "poly": "it learns which skill serves which task, and a cell has one task: take adaptation=lora",
    "psoft": "what it trains hangs on a decomposition that its state does not hold, and no other machine repeats: take another",
    "shadow": f"{_LANGUAGE}: take adaptation=lora",
    "trainable_tokens": f"{_LANGUAGE}: take adaptation=prompt",
    **dict.fromkeys(
        ("frod", "pvera", "tinylora", "unilora", "vblora", "vera"),
        "its layers share tensors that peft keeps outside the backbone: take adaptation.method=randlora, or adaptation=lora",
    ),
}
"""Methods that cannot be what they are called here, and why."""

DIVIDES = {"boft": "boft_block_size", "c3a": "block_size", "oft": "oft_block_size", "road": "group_size"}
"""The setting of a method that has to divide the sides of every matrix."""

FROM_TARGETS: dict[str, dict[str, Callable[[Sequence[str]], Any]]] = {
    # (IA)^3 scales what attention gives and the inner activations of an MLP (arXiv 2205.05638): the input of its second layer.
    "ia3": {"feedforward_modules": lambda names: [name for name in names if name.endswith("mlp.fc2")]},
}
"""Settings that a method cannot do without, from the names of the matrices it adapts; a stated value goes before."""

_WHICH = "adaptation.targets and adaptation.last_blocks say what is adapted, and nothing else is trained but the head"
_LOOP = "it takes a training loop of its own"
_REFUSED_SETTINGS = {
    **dict.fromkeys(
        ("target_modules", "exclude_modules", "target_parameters", "layers_to_transform", "layers_pattern",
         "modules_to_save", "bias", "layer_replication", "trainable_token_indices", "ensure_weight_tying"), _WHICH
    ),
    **dict.fromkeys(
        ("peft_type", "auto_mapping", "base_model_name_or_path", "revision", "peft_version", "task_type", "inference_mode",
         "fan_in_fan_out", "megatron_config", "megatron_core", "runtime_config"), "it has no effect on the linear layers of a ViT"
    ),
    **dict.fromkeys(("eva_config", "corda_config", "lora_ga_config", "loftq_config"), "see adaptation.init_lora_weights"),
    **dict.fromkeys(("arrow_config", "alora_invocation_tokens"), _LANGUAGE),
    **dict.fromkeys(("kasa_config", "monteclora_config", "velora_config", "use_asa"), _LOOP),
    **dict.fromkeys(("use_qalora", "use_bdlora"), "it is for quantised or divided matrices, and these are neither"),
}  # fmt: skip
_WITHOUT_DATA = (
    "peft would silently train plain LoRA: it wants patches or gradients before training, which mitofm does not give it"
)
_REFUSED_INITIALISATIONS = {
    "eva": _WITHOUT_DATA,
    "corda": _WITHOUT_DATA,
    "lora_ga": _WITHOUT_DATA,
    "loftq": "it is for quantised matrices, and these are not",
}


def reason_against(setting: str, value: Any) -> str | None:
    """Why a setting of a method, by peft's name for it, cannot have its effect here; None if it can."""
    if setting == "init_lora_weights" and isinstance(value, str):
        start = next((name for name in _REFUSED_INITIALISATIONS if value.lower().startswith(name)), None)
        return start and _REFUSED_INITIALISATIONS[start]
    return _REFUSED_SETTINGS.get(setting)
