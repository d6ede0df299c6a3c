"""What each gradient mode trains, and what its checkpoint holds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.adaptation.lora import TARGETS
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.config import instantiate
from mitofm.errors import MitofmError

Resolved = Callable[..., dict[str, Any]]


def made(resolved: Resolved, *overrides: str, seed: int = 0) -> tuple[GradientAdaptation, Classifier]:
    config = resolved("backbone=toy_vit_p16", *overrides)
    backbone = build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), seed)
    adaptation = instantiate(config["adaptation"])
    return adaptation, adaptation.module(backbone, seed)


def steps(adaptation: GradientAdaptation, classifier: Classifier, n: int) -> None:
    optimiser = torch.optim.SGD([{**group, "weight_decay": 0.0} for group in adaptation.parameter_groups(classifier)])
    generator = torch.Generator().manual_seed(1)
    patches = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=generator)
    for _ in range(n):
        adaptation.set_train_mode(classifier)
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(classifier(patches), torch.tensor([0.0, 1.0] * 4)).backward()
        optimiser.step()


def moved(adaptation: GradientAdaptation, classifier: Classifier, n: int) -> set[str]:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    steps(adaptation, classifier, n)
    return {name for name, value in classifier.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("targets", TARGETS)
def test_lora_moves_every_b_then_every_a_and_nothing_else(resolved: Resolved, targets: str) -> None:
    overrides = ("adaptation=lora", f"adaptation.targets={targets}", "adaptation.dropout=0.0")
    adaptation, classifier = made(resolved, *overrides)
    names = adaptation.trained_names(classifier)
    b = {name for name in names if ".lora_B." in name}
    a = {name for name in names if ".lora_A." in name}
    head = {"head.weight", "head.bias"}
    assert names == a | b | head
    assert len(a) == len(b) == 4 * {"attention": 2, "mlp": 2, "attention_mlp": 4}[targets]
    assert moved(adaptation, classifier, 1) == b | head  # B = 0 makes the first gradient of A exactly 0
    assert moved(*made(resolved, *overrides), 2) == a | b | head


def test_full_moves_everything(resolved: Resolved) -> None:
    adaptation, classifier = made(resolved, "adaptation=full")
    assert moved(adaptation, classifier, 1) == set(classifier.state_dict()) == adaptation.trained_names(classifier)


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_checkpoint_round_trips_strictly(resolved: Resolved, mode: str) -> None:
    adaptation, classifier = made(resolved, f"adaptation={mode}")
    steps(adaptation, classifier, 2)
    state = {name: value.clone() for name, value in adaptation.state(classifier).items()}
    adaptation, fresh = made(resolved, f"adaptation={mode}")
    adaptation.load(fresh, state)
    patches = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)
    assert torch.equal(classifier.eval()(patches), fresh.eval()(patches))
    with pytest.raises(MitofmError, match=r"differs in 1 tensors, such as head.bias"):
        adaptation.load(fresh, {name: value for name, value in state.items() if name != "head.bias"})
    with pytest.raises(MitofmError, match="does not fit"):
        adaptation.load(fresh, {**state, "head.weight": torch.zeros(1, 3)})


def test_lora_starts_as_the_backbone_it_is(resolved: Resolved) -> None:
    patches = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    outputs = [made(resolved, f"adaptation={mode}")[1].eval()(patches) for mode in ("lora", "full")]
    assert torch.allclose(*outputs, atol=1e-6)


def test_lora_on_a_convolutional_network_is_refused(resolved: Resolved) -> None:
    with pytest.raises(MitofmError, match="finds nothing to adapt in backbone 'mobilenetv2'"):
        made(resolved, "adaptation=lora", "backbone=mobilenetv2", "backbone.weights=random")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("adaptation.rank=0", "rank of at least 1"),
        ("adaptation.targets=heads", "There is: attention"),
        ("adaptation.lr=0", "above 0"),
    ],
)
def test_bad_settings_are_refused(resolved: Resolved, override: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        made(resolved, "adaptation=lora", override)


def test_scratch_is_full_on_random_weights(resolved: Resolved) -> None:
    scratch = resolved("backbone=deit_tiny", "adaptation=scratch")
    full = resolved("backbone=deit_tiny", "adaptation=full", "backbone.weights=random")
    assert scratch == full
