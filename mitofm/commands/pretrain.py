"""`mitofm pretrain`: a small ViT, self-supervised, on unlabelled synthetic tissue."""

from __future__ import annotations

from mitofm.commands.composing.asking import ask
from mitofm.ground.terminal import tell
from mitofm.pretraining.settings import PretrainSettings


def main(arguments: list[str]) -> None:
    """Pretrain, or go on with it, and print where the weights are."""
    settings = ask(PretrainSettings, "pretrain", arguments)
    from mitofm.pretraining.run import pretrain

    weights = pretrain(settings)
    tell(f"weights: {weights}", f"use them: mitofm train backbone={settings.backbone.name} backbone.file={weights}")
