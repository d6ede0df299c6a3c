"""The card beside pretrained weights: what they are for, and what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CARD = """\
# {name}

A vision transformer of {millions:.2f} M parameters ({architecture}, {kwargs}) for patches of {side} px at 0.25 micrometre
per px, pretrained by contrastive masked autoencoding (Mishra et al. 2022, arXiv 2210.16870) on synthetic tissue alone. Weights in bf16.

**What it is for.** Trying out, offline and in minutes, how a pretrained backbone differs from its random twin.
**What it is not.** It has never seen real tissue. It is no pathology foundation model, and no number obtained with it says
anything about one. On `data=synthetic` it meets other slides of the same kind of tissue that it was pretrained on.

| | |
|---|---|
| pretraining data | {slides} unlabelled slides of each of seven domains, {cells} figures on each, generator seed {tissue_seed} |
| | drawn from random streams that no labelled slide shares |
| crops seen | {crops:,}, batches of {batch_size}, mask {mask:g}, peak learning rate {lr:g}, weight decay {weight_decay:g}, seed {seed} |
| loss | {loss} (mean squared error of standardised hidden patches, last row of `log.csv`), {contrast} of the contrast |
| precision | {precision} |
| made with | mitofm {mitofm} ({revision}), torch {torch}, timm {timm}, {device}, {threads} threads |
| licence | Apache-2.0 |

Everything is in `config.json`; `mitofm pretrain` with these values makes it again.
"""


def write_card(
    config: Mapping[str, Any], about: Mapping[str, Any], log: Sequence[Mapping[str, str]], parameters: int
) -> str:
    """The card in Markdown, from `config.json`, the environment, the rows of `log.csv` and the number of parameters."""
    backbone, tissue = config["backbone"], config["tissue"]
    return _CARD.format(
        **{key: config[key] for key in ("batch_size", "mask", "lr", "weight_decay", "seed", "crops", "precision")},
        **{key: about[key] for key in ("mitofm", "revision", "device", "threads")},
        name=backbone["name"],
        architecture=backbone["architecture"],
        kwargs=", ".join(f"{key} {value}" for key, value in backbone["kwargs"].items()),
        side=backbone["img_size"],
        millions=parameters / 1e6,
        slides=tissue["slides_per_domain"],
        cells=tissue["cells_per_slide"],
        tissue_seed=tissue["seed"],
        loss=log[-1]["loss"] if log else "none",
        contrast=log[-1]["contrast"] if log else "none",
        torch=about["packages"]["torch"],
        timm=about["packages"]["timm"],
    )
