"""Adapters: small trained parts inside the linear layers of a frozen ViT, by peft: LoRA, DoRA and whatever else it injects."""

from __future__ import annotations

import re
from textwrap import shorten
from typing import Any, Literal

import torch
from torch import Tensor

from mitofm.adaptation.bases import Bases, find_adapters
from mitofm.adaptation.effect import find_idle, find_untrained
from mitofm.adaptation.gradient import Classifier, GradientAdaptation, Search
from mitofm.adaptation.peft_methods import METHODS, RUN_UNDER, Method, check_patterns, check_taken, parse_settings
from mitofm.backbones.build import Backbone
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import derive
from mitofm.ground.settings import Count, NotNegative, Positive

# On timm's names; every timm ViT has them. `patch_embed.proj` is a convolution and must not match; the `_[gx]` are the
# unfused SwiGLU halves of DINOv3 H+. A rank applies to the fused qkv matrix, or to what an architecture splits it into:
# `q_proj` (EVA-02), `q` and `kv` (PVT v2).
_ATTENTION, _MLP = r"attn\.(q?k?v?(_proj)?|proj)", r"mlp\.fc[12](_[gx])?"
Targets = Literal["attention", "mlp", "attention_mlp"]
TARGETS: dict[Targets, str] = {"attention": _ATTENTION, "mlp": _MLP, "attention_mlp": f"{_ATTENTION}|{_MLP}"}


class Adapters(GradientAdaptation):
    """Trains what peft puts into the target matrices, and the head; the backbone's own weights stay.

    Args:
        method: of peft, by its name there: `lora`, `oft`, `ia3`, ...
        targets: which matrices, by a key of `TARGETS`.
        last_blocks: only the last so many transformer blocks are adapted; all if it is null or there are fewer.
        settings: see `parse_settings`.
        name, lr, head_lr, weight_decay, search: see `GradientAdaptation`.
    """

    def __init__(
        self,
        name: str,
        method: str,
        targets: Targets,
        last_blocks: Count | None,
        lr: Positive,
        head_lr: Positive,
        weight_decay: NotNegative,
        search: Search = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, lr, head_lr, weight_decay, search)
        self.method = method
        self.targets = targets
        self.last_blocks = last_blocks
        self.config = parse_settings(method, settings, name)

    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """See `GradientAdaptation.adapt`: adapters are drawn from `seed`; nearly every method starts as the backbone it is."""
        import peft

        from mitofm.adaptation import attention, low_rank

        adapted = find_matrices(backbone, self.targets, self.last_blocks)
        if not adapted:
            raise MitofmError(
                f"adaptation {self.name!r} with targets={self.targets} finds nothing to adapt in backbone "
                f"{backbone.spec.name!r} ({backbone.spec.architecture} has no transformer blocks): "
                "take a ViT, or adaptation=full"
            )
        if idle := find_idle(backbone, adapted):
            others = {key: find_matrices(backbone, key, self.last_blocks) for key in TARGETS}
            working = [key for key, names in others.items() if names and not find_idle(backbone, names)]
            ways = [*(f"adaptation.targets={key}" for key in working), "adaptation=full"]
            raise MitofmError(
                f"adaptation {self.name!r} with targets={self.targets} would have no effect in {len(idle)} of the "
                f"{len(adapted)} matrices of backbone {backbone.spec.name!r}, such as {', '.join(idle[:3])}: "
                f"{backbone.spec.architecture} never calls these layers for its embedding (some use the weights themselves). "
                f"Take {' or '.join(ways)}"
            )
        backbone.requires_grad_(False)
        own, known = set(backbone.parameters()), METHODS.get(self.method, Method())
        originals = {name: backbone.get_parameter(f"{name}.weight").detach().clone() for name in adapted}
        self._inject(backbone, adapted, known, seed)
        for parameter in own:  # some methods set them free again
            parameter.requires_grad = False
        layers = find_adapters(backbone)
        if layers.keys() != set(adapted):
            odd = sorted(layers.keys() ^ set(adapted))
            raise MitofmError(
                f"adaptation {self.name!r}: peft's {self.method} adapts other matrices of backbone {backbone.spec.name!r} than "
                f"targets={self.targets} means, by {len(odd)}, such as {', '.join(odd[:3])}"
            )
        if self.method not in METHODS or peft.__version__ != RUN_UNDER:
            self._check_learning(backbone, layers)
        low_rank.hasten(backbone)
        attention.hasten(backbone)
        classifier: Any = Classifier(backbone, seed)
        classifier.bases = Bases(layers, known.kept, originals)
        return classifier

    def _inject(self, backbone: Backbone, adapted: list[str], known: Method, seed: int) -> None:
        from peft import inject_adapter_in_model

        given = self.config.keywords
        # As a pattern, which has to match a whole name; names in a list match as the end of others too.
        config = self.config(target_modules="|".join(map(re.escape, adapted)), **known.defaults(adapted) | given)
        check_patterns(config, adapted, self.method)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "initialisation", "lora"))
                inject_adapter_in_model(config, backbone)
        except Exception as error:  # 38 methods, each with its own checks, and without
            raise MitofmError(
                f"adaptation {self.name!r}: peft's {self.method} cannot adapt backbone {backbone.spec.name!r}: "
                f"{shorten(str(error), 300)}{f'. Give +adaptation.{known.key}' if known.key else ''}"
            ) from error
        for layer in find_adapters(backbone).values():
            check_taken(config, given, layer, self.method)

    def _check_learning(self, backbone: Backbone, layers: dict[str, Any]) -> None:
        """Refuse a method that nobody has run if it cannot be trained, before it is."""
        import peft

        what = f"adaptation {self.name!r}: peft {peft.__version__}'s {self.method}"
        try:
            idle = find_untrained(backbone, layers)
        except Exception as error:  # whatever a method that nobody knows raises
            raise MitofmError(f"{what} fails in backbone {backbone.spec.name!r}: {shorten(str(error), 300)}") from error
        if idle:
            raise MitofmError(
                f"{what} learns nothing in {len(idle)} of {len(layers)} matrices, such as {', '.join(idle[:3])}"
            )

    def state(self, classifier: Any) -> dict[str, Tensor]:
        """What was trained, and what it is relative to."""
        return {**super().state(classifier), **classifier.bases.state()}

    def load(self, classifier: Any, state: dict[str, Tensor]) -> None:
        """As any mode; a checkpoint from before bases were stored takes those that were made here."""
        held = classifier.bases.state().keys() & state.keys()
        super().load(classifier, {name: value for name, value in state.items() if name not in held})
        if held:
            classifier.bases.load(state)

    def set_train_mode(self, classifier: Classifier) -> None:
        """Train mode for the adapters alone, for their dropout."""
        super().set_train_mode(classifier)
        for layer in find_adapters(classifier.backbone).values():
            layer.train()


def find_matrices(backbone: Backbone, targets: Targets, last_blocks: int | None = None) -> list[str]:
    """Names of the linear layers of `backbone` that `targets` means, in its last transformer blocks or all."""
    pattern = re.compile(rf"(.*blocks\.\d+)\.({TARGETS[targets]})")
    found = [match for name, _ in backbone.named_modules() if (match := pattern.fullmatch(name))]
    blocks = list(dict.fromkeys(match[1] for match in found))
    last = blocks[-last_blocks:] if last_blocks else blocks
    return [match[0] for match in found if match[1] in last]
