"""`mitofm pretrain`: a small ViT, self-supervised, on unlabelled synthetic tissue."""

from __future__ import annotations

from mitofm.commands.composing import compose
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Pretrain, or go on, and say where the weights are."""
    config = plain(compose("pretrain", arguments))
    from mitofm.pretraining.run import pretrain

    weights = pretrain(config)
    print(f"weights: {weights}\nuse them: mitofm train backbone={config['backbone']['name']} backbone.file={weights}")
