"""Every method of peft that adapts matrices, run or refused: the second table that `make adaptations` writes into docs/adaptations.md."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import peft
import torch
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from torch.nn.functional import binary_cross_entropy_with_logits

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.adaptation.peft_methods import DIVIDES, FROM_TARGETS, REFUSED
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing import compose
from mitofm.config import instantiate
from mitofm.errors import MitofmError
from mitofm.inference.network import fold
from mitofm.runs.resolve import resolve

PAGE = Path(__file__).parent.parent / "docs" / "adaptations.md"
BEGIN, END = "<!-- peft's methods, written by `make adaptations` -->\n", "<!-- end of peft's methods -->\n"
METHODS = sorted(
    kind.value.lower()
    for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()
    if any(field.name == "target_modules" for field in fields(config))
)
_BLOCK = 32  # divides the sides of all matrices of this backbone, 96 and its multiples
_PATCHES = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
_LABELS = torch.tensor([0.0, 1.0] * 4)


@dataclass(frozen=True)
class Ran:
    """What three steps of training a method showed.

    Attributes:
        keys: settings that it did not run without.
        trained: how many numbers it trains, the head's left out.
        start: largest difference of an embedding between the fresh adapters and the backbone.
        moved: the same between the trained adapters and the fresh ones.
        idle: names of trained tensors that no step changed.
        intact: whether the backbone's own tensors are as they were, to the last bit.
        losses: of the three steps.
        rebuilt: largest difference of a logit between the trained classifier and one made from its checkpoint, other weights
            drawn.
        folds: whether nothing is left beside the matrices and the logits are equal to 1e-4.
    """

    keys: list[str]
    trained: int
    start: float
    moved: float
    idle: list[str]
    intact: bool
    losses: list[float]
    rebuilt: float
    folds: bool


@cache
def run(method: str) -> Ran | str:
    """Three steps on a ViT of four blocks; or the line that refuses the method."""
    try:
        return _run(method)
    except MitofmError as error:
        if method not in DIVIDES:
            return str(error)
    return _run(method, **{DIVIDES[method]: _BLOCK})


def _run(method: str, **settings: int) -> Ran:
    backbone = fresh()
    own = {name: value.clone() for name, value in backbone.state_dict().items()}
    untouched = embedded(backbone)
    adaptation = instantiate({**_typed("adaptation=peft")["adaptation"], "method": method, **settings})
    classifier = adaptation.module(backbone, 0)
    started = embedded(backbone)
    parameters = {name: one for name, one in classifier.named_parameters() if one.requires_grad}
    before = {name: one.detach().clone() for name, one in parameters.items()}
    losses = train(adaptation, classifier)
    state = {name: value.clone() for name, value in adaptation.state(classifier).items()}
    trained, logits = embedded(backbone), predicted(classifier)
    again = adaptation.module(fresh(), 1)
    adaptation.load(again, state)
    now = {name.replace(".base_layer.", "."): value for name, value in backbone.state_dict().items()}
    intact = all(torch.equal(value, now[name]) for name, value in own.items())
    idle = [name for name, one in parameters.items() if torch.equal(one, before[name])]
    fold(classifier)
    left = classifier.state_dict().keys() - {f"backbone.{name}" for name in own} - {"head.weight", "head.bias"}
    return Ran(
        keys=list(settings),
        trained=sum(
            one.numel() for name, one in parameters.items() if not name.startswith("head.") and name not in idle
        ),
        start=(started - untouched).abs().max().item(),
        moved=(trained - started).abs().max().item(),
        idle=idle,
        intact=intact,
        losses=losses,
        rebuilt=(predicted(again) - logits).abs().max().item(),
        folds=not left and bool((predicted(classifier) - logits).abs().max() < 1e-4),
    )


@cache
def _typed(*overrides: str) -> dict[str, Any]:
    return resolve(compose("train", ["backbone=toy_vit_p16", *overrides]))


def fresh() -> Backbone:
    """The backbone, always the same."""
    return build(BackboneSpec.from_config(_typed("adaptation=peft")["backbone"]), Weights(None, "random"), 0)


def train(adaptation: GradientAdaptation, classifier: Classifier) -> list[float]:
    """Three steps at the mode's own rates; their losses."""
    optimiser = torch.optim.AdamW(adaptation.parameter_groups(classifier))
    adaptation.set_train_mode(classifier)
    losses = []
    for _ in range(3):
        loss = binary_cross_entropy_with_logits(classifier(_PATCHES), _LABELS)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def embedded(backbone: Backbone) -> torch.Tensor:
    """Its embeddings of the patches."""
    with torch.inference_mode():
        return backbone.eval()(_PATCHES)


def predicted(classifier: Classifier) -> torch.Tensor:
    """Its logits of the patches."""
    with torch.inference_mode():
        return classifier.eval()(_PATCHES)


def row(method: str) -> str:
    """A line of the table."""
    found = run(method)
    if isinstance(found, str):
        return f"| `{method}` | refused: {REFUSED[method]} | | | |"
    keys = [f"`+adaptation.{key}=N`, if its default does not divide the sides of all matrices" for key in found.keys]
    keys += [f"none: `{key}` follows from the targets" for key in FROM_TARGETS.get(method, [])]
    start = "as the backbone" if found.start < 1e-4 else "elsewhere"
    return (
        f"| `{method}` | {', '.join(keys) or 'none'} | {found.trained:,} | {start} | {'yes' if found.folds else 'no'} |"
    )


def table() -> str:
    """The table, in Markdown."""
    head = "| `adaptation.method=` | key it may need | numbers trained | starts | folds on export |"
    return (
        "\n".join([f"peft {peft.__version__}, {len(METHODS)} methods:", "", head, "|---" * 5 + "|", *map(row, METHODS)])
        + "\n"
    )


def written(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
