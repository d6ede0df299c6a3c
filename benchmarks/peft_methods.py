"""What each of peft's methods does in a ViT, by training three steps with it: a part of what `make adaptations` writes."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import peft
import torch
from torch import Tensor
from torch.nn import functional as F

from mitofm.adaptation.adapters import Adapters
from mitofm.adaptation.bases import find_adapters
from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.adaptation.peft_methods import INITIALISATIONS, INITIALISED_ELSEWHERE, METHODS, list_methods
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose
from mitofm.ground.errors import MitofmError
from mitofm.inference.network import fold
from mitofm.runs.resolve import resolve

BEGIN, END = "<!-- peft's methods, written by `make adaptations` -->\n", "<!-- end of peft's methods -->\n"
FITTING: dict[str, dict[str, Any]] = {"c3a": {"block_size": 64}}
"""What a method needs for the sides of a ViT-Ti, 192, 576 and 768."""


@dataclass(frozen=True)
class Facts:
    """What three steps with a method show.

    Attributes:
        losses: of the steps.
        trained: numbers trained in one block.
        all_move: whether every trained tensor of the adapters does.
        still: whether the backbone's own tensors stay as they are once the adapters are in.
        changes: by how much training changes the logits, at most.
        starts: by how much the untrained classifier's logits differ from the plain backbone's.
        folds: by how much folding changes the logits; None if it cannot be folded.
        rebuilt: whether a module drawn from another seed gives equal logits with its checkpoint's tensors.
    """

    losses: list[float]
    trained: int
    all_move: bool
    still: bool
    changes: float
    starts: float
    folds: float | None
    rebuilt: bool


def rows() -> list[tuple[str, dict[str, Any]]]:
    """The method and the settings of every row of the table."""
    methods = [(method, FITTING.get(method, {})) for method in sorted(list_methods())]
    starts = [one for one in (*INITIALISATIONS, *INITIALISED_ELSEWHERE) if one is not True]
    return [*methods, *(("lora", {"init_lora_weights": one}) for one in starts)]


@cache
def small() -> BackboneSpec:
    """One block of a ViT-Ti on images of 32 px, with random weights."""
    typed = ["backbone=vit_tiny", "backbone.weights=random", "backbone.img_size=32", "backbone.depth=1"]
    typed += ["+backbone.kwargs.depth=1"]
    return BackboneSpec.from_config(resolve(compose("train", typed))["backbone"])


@cache
def plain() -> Backbone:
    """This backbone, built once, with biases: timm draws none, and some methods scale them."""
    backbone = build(small(), Weights(None, "random"), 0).eval()
    generator = torch.Generator().manual_seed(0)
    for name, one in backbone.named_parameters():
        if name.endswith(".bias"):
            one.data.normal_(std=0.1, generator=generator)
    return backbone


def make(method: str, settings: dict[str, Any], seed: int) -> tuple[Adapters, Classifier]:
    """The adaptation, and a classifier with it."""
    rates = {"lr": 0.01, "head_lr": 0.01, "weight_decay": 0.0}
    adaptation = Adapters(name=method, method=method, targets="attention_mlp", last_blocks=None, **rates, **settings)
    return adaptation, adaptation.adapt(deepcopy(plain()), seed)


def train(
    adaptation: GradientAdaptation, classifier: Classifier, patches: Tensor, labels: Tensor, steps: int, **of_all: float
) -> list[float]:
    """The losses of some steps of AdamW, dropout seeded by the step; `of_all` replaces settings of every group."""
    optimiser = torch.optim.AdamW([group | of_all for group in adaptation.parameter_groups(classifier)])
    losses = []
    for step in range(steps):
        adaptation.set_train_mode(classifier)
        torch.manual_seed(step)
        loss = F.binary_cross_entropy_with_logits(classifier(patches), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def measure(method: str, settings: dict[str, Any]) -> Facts:
    """Train three steps with a method.

    Raises:
        MitofmError: it is refused.
    """
    generator = torch.Generator().manual_seed(0)
    patches = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8, generator=generator)
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
    adaptation, classifier = make(method, settings, 0)
    unadapted = Classifier(deepcopy(plain()), 0)
    trained = {name: one for name, one in classifier.backbone.named_parameters() if one.requires_grad}
    frozen = {name: one for name, one in classifier.backbone.named_parameters() if not one.requires_grad}
    before = {name: one.detach().clone() for name, one in (trained | frozen).items()}
    with torch.no_grad():
        start = classifier.eval()(patches)
        starts = float((start - unadapted(patches)).abs().max())

    losses = train(adaptation, classifier, patches, labels, 3)
    state = {name: one.clone() for name, one in adaptation.state(classifier).items()}
    _, other = make(method, settings, 1)
    adaptation.load(other, state)
    with torch.no_grad():
        end = classifier.eval()(patches)
        rebuilt = torch.equal(other.eval()(patches), end)
        moved = {name for name, one in (trained | frozen).items() if not torch.equal(one, before[name])}
        count = sum(one.numel() for one in trained.values())
        fold(classifier)
        left = find_adapters(classifier)
        folds = None if left else float((classifier.eval()(patches) - end).abs().max())
    return Facts(
        losses, count, moved >= trained.keys(), not moved & frozen.keys(), float((end - start).abs().max()),
        starts, folds, rebuilt,
    )  # fmt: skip


@cache
def measure_all() -> list[Facts | str]:
    """What every row shows, or why it is refused."""
    return [measure_or_refuse(*one) for one in rows()]


def measure_or_refuse(method: str, settings: dict[str, Any]) -> Facts | str:
    """What the steps show, or the line that refuses them."""
    try:
        return measure(method, settings)
    except MitofmError as error:
        return str(error)


def row(method: str, settings: dict[str, Any], found: Facts | str) -> str:
    """A line of the table."""
    shown = "".join(f" `+adaptation.{key}={str(value).lower()}`" for key, value in settings.items())
    what = f"`{method}`{shown}"
    if isinstance(found, str):
        return f"| {what} | refused | {found.split(' is refused: ', 1)[-1]} | | | |"
    key = METHODS[method].key or "none"
    starts = "yes" if found.starts < 1e-4 else "no"
    folds = "no" if found.folds is None else "yes" if found.folds < 1e-3 else f"differs by {found.folds:.1g}"
    return f"| {what} | works | {key} | {found.trained:,} | {starts} | {folds} |"


def table() -> str:
    """All methods, in Markdown."""
    head = ("`adaptation.method=`", "", "key it may need, or why it is refused", "trained in a block of ViT-Ti")
    lines = [f"Run under peft {peft.__version__}.", ""]
    lines.append(f"| {' | '.join((*head, 'starts as the backbone', 'folds'))} |")
    lines.append("|---" * 6 + "|")
    return "\n".join(lines + [row(*one, shown) for one, shown in zip(rows(), measure_all(), strict=True)]) + "\n"


def write_table(page: str) -> str:
    """The page with the table as it is now."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
