"""Adapters: small trained parts inside the linear layers of a frozen ViT, by peft: LoRA, DoRA and whatever else it injects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from mitofm.adaptation import peft_methods, residual
from mitofm.adaptation.effect import without_effect
from mitofm.adaptation.gradient import Classifier, GradientAdaptation, Search
from mitofm.backbones.build import Backbone
from mitofm.errors import MitofmError, unknown
from mitofm.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor, nn

# On timm's names; every timm ViT has them. `patch_embed.proj` is a convolution and must not match; the `_[gx]` are the
# unfused SwiGLU halves of DINOv3 H+. A rank applies to the fused qkv matrix, or to what an architecture splits it into:
# `q_proj` (EVA-02), `q` and `kv` (PVT v2).
_ATTENTION, _MLP = r"attn\.(q?k?v?(_proj)?|proj)", r"mlp\.fc[12](_[gx])?"
TARGETS = {"attention": _ATTENTION, "mlp": _MLP, "attention_mlp": f"{_ATTENTION}|{_MLP}"}


class Adapters(GradientAdaptation):
    """Trains what peft puts into the target matrices, and the head; the backbone's own weights stay.

    Args:
        name: of the adaptation.
        method: of peft, by its name there: `lora`, `oft`, `ia3`, ...
        targets: a key of `TARGETS`.
        last_blocks: only the last so many transformer blocks are adapted; all where null or where there are fewer.
        lr: learning rate of the adapters.
        head_lr: learning rate of the head.
        weight_decay: of the trained matrices.
        search: see `GradientAdaptation`.
        settings: of the method, under peft's names; `rank`, `alpha` and `dropout` are understood for every method that
            has them.
    """

    def __init__(
        self,
        name: str,
        method: str,
        targets: str,
        last_blocks: int | None,
        lr: float,
        head_lr: float,
        weight_decay: float,
        search: Search = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, lr, head_lr, weight_decay, search)
        if targets not in TARGETS:
            raise unknown("adaptation.targets", targets, TARGETS, f"adaptation {name!r}")
        if last_blocks is not None and last_blocks < 1:
            raise MitofmError(f"adaptation.last_blocks={last_blocks}: give a number of blocks of at least 1, or null")
        self.method = method
        self.targets = targets
        self.last_blocks = last_blocks
        self._config, self._settings = _settled(method, settings, name)

    def module(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier with adapters in place, drawn from `seed`; nearly every method starts as the backbone it is."""
        import torch
        from peft import inject_adapter_in_model

        adapted = matrices(backbone, self.targets, self.last_blocks)
        if not adapted:
            raise MitofmError(
                f"adaptation {self.name!r} with targets={self.targets} finds nothing to adapt in backbone "
                f"{backbone.spec.name!r} ({backbone.spec.architecture} has no transformer blocks): "
                "take a ViT, or adaptation=full"
            )
        if idle := without_effect(backbone, adapted):
            others = {key: matrices(backbone, key, self.last_blocks) for key in TARGETS}
            working = [key for key, names in others.items() if names and not without_effect(backbone, names)]
            ways = [*(f"adaptation.targets={key}" for key in working), "adaptation=full"]
            raise MitofmError(
                f"adaptation {self.name!r} with targets={self.targets} would have no effect in {len(idle)} of the "
                f"{len(adapted)} matrices of backbone {backbone.spec.name!r}, such as {', '.join(idle[:3])}: "
                f"{backbone.spec.architecture} never calls these layers for its embedding (some use the weights themselves). "
                f"Take {' or '.join(ways)}"
            )
        backbone.requires_grad_(False)
        own = dict(backbone.named_parameters())
        before = residual.sums(own)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "initialisation", "lora"))
                inject_adapter_in_model(self._config(target_modules=adapted, **self._for(adapted)), backbone)
        except (ValueError, TypeError, NotImplementedError) as error:
            divides = peft_methods.DIVIDES.get(self.method)
            way = f"; +adaptation.{divides}=N has to divide the sides of every matrix" if divides else ""
            raise MitofmError(
                f"adaptation {self.name!r}: peft's {self.method} cannot adapt backbone {backbone.spec.name!r}: {error}{way}"
            ) from error
        for parameter in own.values():  # some methods set them free again
            parameter.requires_grad = False
        self._refuse_others(backbone, adapted)
        residual.keep(backbone, [name for name, one in residual.sums(own).items() if one != before[name]], self.method)
        return Classifier(backbone, backbone.embedding_dim, seed)

    def _for(self, adapted: Sequence[str]) -> dict[str, Any]:
        """The settings, with those that follow from what is adapted."""
        made = peft_methods.FROM_TARGETS.get(self.method, {})
        return {**{key: make(adapted) for key, make in made.items()}, **self._settings}

    def _refuse_others(self, backbone: Backbone, adapted: Sequence[str]) -> None:
        """Peft takes a name as the end of other names too, and ignores patterns that fit none."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        found = {name for name, module in backbone.named_modules() if isinstance(module, BaseTunerLayer)}
        if odd := sorted(found ^ set(adapted)):
            raise MitofmError(
                f"adaptation {self.name!r}: peft's {self.method} adapts other matrices of backbone {backbone.spec.name!r} than "
                f"targets={self.targets} means, such as {odd[0]}: take other adaptation.targets"
            )
        for setting, patterns in self._settings.items():
            for pattern in patterns if setting.endswith("_pattern") else ():
                if not any(re.fullmatch(rf"(.*\.)?({pattern})", name) for name in adapted):
                    raise MitofmError(
                        f"adaptation.{setting}: {pattern!r} is the end of no adapted matrix, such as {adapted[0]}"
                    )

    def fixed_names(self, classifier: Classifier) -> set[str]:
        """What adapters draw or decompose before training and keep: factors, projections, places."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        named = dict(classifier.named_parameters()) | dict(classifier.named_buffers())  # each shared tensor once
        added = {
            f"{name}.{key}"
            for name, module in classifier.named_modules()
            if isinstance(module, BaseTunerLayer)
            for key in cast("nn.Module", module).state_dict()
            if not key.startswith("base_layer.")
        }
        return added & named.keys() - self.trained_names(classifier)

    def load(self, classifier: Classifier, state: dict[str, Tensor]) -> None:
        """As `GradientAdaptation.load`; the matrices become those that these adapters were trained on."""
        built = residual.kept(classifier)
        super().load(classifier, state)
        residual.rebuild(classifier, built)

    def set_train_mode(self, classifier: Classifier) -> None:
        """Train mode for the adapters alone, for their dropout."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        super().set_train_mode(classifier)
        for module in classifier.backbone.modules():
            if isinstance(module, BaseTunerLayer):
                module.train()


def matrices(backbone: Backbone, targets: str, last_blocks: int | None = None) -> list[str]:
    """Names of the linear layers of `backbone` that `targets` means, in the last so many of its transformer blocks."""
    pattern = re.compile(rf"(.*blocks\.\d+)\.({TARGETS[targets]})")
    found = [match for name, _ in backbone.named_modules() if (match := pattern.fullmatch(name))]
    blocks = list(dict.fromkeys(match[1] for match in found))
    last = blocks[-last_blocks:] if last_blocks else blocks
    return [match[0] for match in found if match[1] in last]


def _settled(method: str, settings: Mapping[str, Any], name: str) -> tuple[Any, dict[str, Any]]:
    """Peft's class of a method's config, and the settings under peft's names.

    Raises:
        MitofmError: peft has no such method, the method no such setting, or one of them cannot be what it is called here.
    """
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    configs = {kind.value.lower(): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    configs = {kind: config for kind, config in configs.items() if "target_modules" in config.__dataclass_fields__}
    working = [kind for kind in configs if kind not in peft_methods.REFUSED]
    if method in peft_methods.REFUSED:
        raise MitofmError(f"adaptation.method={method} is refused: {peft_methods.REFUSED[method]}")
    if method not in working:
        raise unknown("adaptation.method", method, working, "peft")
    known = [field.name for field in fields(configs[method])]
    named = {}
    for key, value in settings.items():
        spellings = (key, "r" if key == "rank" else f"{method}_{key}")
        if not (fitting := [spelling for spelling in spellings if spelling in known]):
            raise unknown("setting", key, known, f"peft's {method} (adaptation {name!r})")
        if reason := peft_methods.reason_against(fitting[0], value):
            raise MitofmError(f"adaptation.{key}={value} is refused: {reason}")
        # In capitals some starts are taken for others.
        named[fitting[0]] = value.lower() if fitting[0] == "init_lora_weights" and isinstance(value, str) else value
    return configs[method], named
