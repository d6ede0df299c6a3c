"""LoRA: low-rank updates of the attention and MLP matrices of a ViT (Hu et al. 2021, arXiv 2106.09685), by peft."""

from __future__ import annotations

import re

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.errors import MitofmError, unknown
from mitofm.seeds import derive

# On timm's names; every timm ViT has them. `patch_embed.proj` is a convolution and must not match; the `_[gx]` are the
# unfused SwiGLU halves of DINOv3 H+. The rank applies to the fused qkv matrix.
TARGETS = {
    "attention": r".*blocks\.\d+\.attn\.(qkv|proj)",
    "mlp": r".*blocks\.\d+\.mlp\.fc[12](_[gx])?",
    "attention_mlp": r".*blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12](_[gx])?)",
}


class LoRA(GradientAdaptation):
    """Trains rank-r updates B A of the target matrices, and the head; the backbone's own weights stay.

    Args:
        name: of the adaptation.
        rank: r.
        alpha: the update is scaled by alpha / r.
        dropout: on the update's input.
        targets: a key of `TARGETS`.
        lr: learning rate of A and B.
        head_lr: learning rate of the head.
        weight_decay: of A, B and the head's matrix.
    """

    def __init__(
        self,
        name: str,
        rank: int,
        alpha: int,
        dropout: float,
        targets: str,
        lr: float,
        head_lr: float,
        weight_decay: float,
    ) -> None:
        super().__init__(name, lr, head_lr, weight_decay)
        if rank < 1:
            raise MitofmError(f"adaptation.rank={rank}: give a rank of at least 1")
        if not 0 <= dropout < 1:
            raise MitofmError(f"adaptation.dropout={dropout}: give a share from 0 up to, but not, 1")
        if targets not in TARGETS:
            raise unknown("adaptation.targets", targets, TARGETS, f"adaptation {name!r}")
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets

    def module(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier with A and B in place; A is drawn from `seed`, B is zero, so it starts as the backbone it is."""
        import torch
        from peft import LoraConfig, inject_adapter_in_model

        pattern = TARGETS[self.targets]
        if not any(re.fullmatch(pattern, name) for name, _ in backbone.named_modules()):
            raise MitofmError(
                f"adaptation {self.name!r} with targets={self.targets} finds nothing to adapt in backbone "
                f"{backbone.spec.name!r} ({backbone.spec.architecture} has no transformer blocks): "
                "take a ViT, or adaptation=full"
            )
        config = LoraConfig(
            r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules=pattern, bias="none"
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initialisation", "lora"))
            adapted = inject_adapter_in_model(config, backbone)
        # peft leaves alone what it does not adapt: freeze the rest by name, not by trust.
        for name, parameter in adapted.named_parameters():
            parameter.requires_grad = ".lora_A." in name or ".lora_B." in name
        return Classifier(adapted, backbone.embedding_dim, seed)

    def set_train_mode(self, classifier: Classifier) -> None:
        """Train mode for the updates' dropout and the head alone: the frozen trunk has no dropout or drop path of its own."""
        classifier.eval()
        classifier.head.train()
        for name, module in classifier.backbone.named_modules():
            if ".lora_dropout" in name:
                module.train()
