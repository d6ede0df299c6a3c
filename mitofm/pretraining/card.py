"""The card beside pretrained weights: what they are for, and what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CARD = """\
# {backbone[name]}

A vision transformer of {millions:.2f} M parameters ({backbone[architecture]}, {kwargs}) \
for patches of {backbone[img_size]} px at 0.25 micrometre
per px, pretrained by contrastive masked autoencoding (Mishra et al. 2022, arXiv 2210.16870) on synthetic tissue alone. Weights in bf16.

**What it is for.** Trying out, offline and in minutes, how a pretrained backbone differs from its random twin.
**What it is not.** It has never seen real tissue. It is no pathology foundation model, and no number obtained with it says
anything about one. On `data=synthetic` it meets other slides of the same kind of tissue that it was pretrained on.

| | |
|---|---|
| pretraining data | {tissue[slides_per_domain]} unlabelled slides of each of seven domains, \
{tissue[cells_per_slide]} figures on each, generator seed {tissue[seed]} |
| | drawn from random streams that no labelled slide shares |
| crops seen | {crops:,}, batches of {batch_size}, mask {mask:g}, peak learning rate {lr:g}, weight decay {weight_decay:g}, seed {seed} |
| loss | {last[loss]} (mean squared error of standardised hidden patches, last row of `log.csv`), {last[contrast]} of the contrast |
| precision | {precision} |
| made with | mitofm {mitofm} ({revision}), torch {packages[torch]}, timm {packages[timm]}, {device}, {threads} threads |
| licence | Apache-2.0 |

Everything is in `config.json`; `mitofm pretrain` with these values makes it again.
"""


def write_card(
    config: Mapping[str, Any], about: Mapping[str, Any], log: Sequence[Mapping[str, str]], parameters: int
) -> str:
    """The card in Markdown, from `config.json`, the environment, the rows of `log.csv` and the number of parameters."""
    kwargs = ", ".join(f"{key} {value}" for key, value in config["backbone"]["kwargs"].items())
    return _CARD.format(**config, **about, last=log[-1], kwargs=kwargs, millions=parameters / 1e6)
