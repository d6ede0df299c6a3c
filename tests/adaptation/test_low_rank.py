"""LoRA's layers compute what peft's do; what dropout leaves out is random, at its rate, and the same for the same seed."""

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from torch.nn import functional as F

from mitofm.adaptation.attention import ProductAttention
from mitofm.adaptation.bases import find_adapters
from mitofm.adaptation.low_rank import LowRank, LowRankLinear, draw_mask
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.config import instantiate

Resolved = Callable[..., dict[str, Any]]
PATCHES = torch.randint(0, 256, (6, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0.0, 1.0] * 3)
PLAIN = ["adaptation=lora", "adaptation.dropout=0"]


def made(resolved: Resolved, *overrides: str) -> Any:
    """The adaptation and its classifier, with every LoRA matrix away from zero."""
    config = resolved("backbone=toy_vit_p16", *overrides)
    adaptation = instantiate(config["adaptation"], "adaptation")
    classifier = adaptation.adapt(build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), 0), 0)
    torch.manual_seed(2)
    with torch.no_grad():
        for layer in find_adapters(classifier.backbone).values():
            layer.lora_B["default"].weight.normal_(std=0.05)
    adaptation.set_train_mode(classifier)
    return adaptation, classifier


def with_pefts_own(classifier: Any) -> Any:
    """The same weights in the layers that peft and timm made."""
    other = copy.deepcopy(classifier)
    for module in other.modules():
        if type(module) in (LowRankLinear, ProductAttention):
            module.__class__ = type(module).__bases__[0]
    return other


def gradients(classifier: Any, precision: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Of the loss, and the loss itself."""
    classifier.zero_grad()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        loss = F.binary_cross_entropy_with_logits(classifier(PATCHES), LABELS)
    loss.backward()
    return {"loss": loss.detach()} | {
        name: one.grad.clone() for name, one in classifier.named_parameters() if one.grad is not None
    }


def distance(one: dict[str, Tensor], other: dict[str, Tensor], relative: bool = True) -> float:
    """The largest over tensors; relative to the largest value of each."""
    assert one.keys() == other.keys()
    return max(
        float((one[name] - other[name]).abs().max() / (other[name].abs().max() if relative else 1)) for name in one
    )


@pytest.mark.parametrize(
    "more",
    [[], ["adaptation.use_rslora=true"], ["adaptation.targets=mlp", "adaptation.last_blocks=1"], ["adaptation.rank=3"]],
)
def test_loss_and_gradients_are_pefts(resolved: Resolved, more: list[str]) -> None:
    _, classifier = made(resolved, *PLAIN, *more)
    layers = find_adapters(classifier.backbone).values()
    assert {type(layer) for layer in layers} == {LowRankLinear}
    assert (
        distance(gradients(classifier), gradients(with_pefts_own(classifier))) < 1e-6 * 4
    )  # of the largest of a tensor


def test_in_bf16_both_are_as_far_from_fp32(resolved: Resolved) -> None:
    _, classifier = made(resolved, *PLAIN)
    peft = with_pefts_own(classifier)
    exact = gradients(peft)
    ours, theirs = (distance(gradients(one, torch.bfloat16), exact) for one in (classifier, peft))
    assert 0 < ours < 1.5 * theirs


def test_evaluation_is_of_merged_weights(resolved: Resolved) -> None:
    _, classifier = made(resolved, "adaptation=lora")
    with torch.inference_mode():
        found, wanted = (one.eval()(PATCHES) for one in (classifier, with_pefts_own(classifier)))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_training_is_possible_after_evaluation_and_sees_changed_weights(resolved: Resolved) -> None:
    adaptation, classifier = made(resolved, *PLAIN)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        classifier.eval()(PATCHES)
    adaptation.set_train_mode(classifier)
    before = gradients(classifier, torch.bfloat16)["loss"]
    with torch.no_grad():
        for layer in find_adapters(classifier.backbone).values():
            layer.base_layer.weight.mul_(2)
    assert gradients(classifier, torch.bfloat16)["loss"] != before


def test_checkpoints_are_pefts_both_ways(resolved: Resolved) -> None:
    adaptation, classifier = made(resolved, "adaptation=lora")
    peft = with_pefts_own(made(resolved, "adaptation=lora", "seed=3")[1])
    assert {type(layer) for layer in find_adapters(peft).values()} == {Linear}
    adaptation.load(peft, adaptation.state(classifier))
    torch.testing.assert_close(peft.eval()(PATCHES), classifier.eval()(PATCHES), rtol=1e-5, atol=1e-5)
    _, other = made(resolved, "adaptation=lora")
    adaptation.load(other, adaptation.state(peft))
    assert all(torch.equal(one, two) for one, two in zip(other.parameters(), classifier.parameters(), strict=True))


@pytest.mark.parametrize(
    "odd",
    ["adaptation.dropout=0.001", "adaptation.dropout=0.999", "+adaptation.lora_bias=true", "+adaptation.use_dora=true"],
)
def test_what_is_not_plain_lora_stays_pefts(resolved: Resolved, odd: str) -> None:
    _, classifier = made(resolved, "adaptation=lora", odd)
    assert {type(layer) for layer in find_adapters(classifier.backbone).values()} == {Linear}


@pytest.mark.parametrize("dropped", [13, 26, 128])
def test_dropout_has_its_rate_and_elements_are_independent(dropped: int) -> None:
    n = 400
    first, second = (draw_mask(torch.empty(n, n), dropped, seed) for seed in (7, 8))
    rate, spread = dropped / 256, (dropped / 256 * (1 - dropped / 256)) ** 0.5
    assert first.unique().tolist() == [0, 1]
    assert abs(float(1 - first.mean()) - rate) < 4 * spread / n
    for one, other in (
        (first, second),
        (first[1:], first[:-1]),
        (first[:, 1:], first[:, :-1]),
        (first[:, 8:], first[:, :-8]),
    ):
        covariance = ((one - 1 + rate) * (other - 1 + rate)).mean()
        assert abs(float(covariance)) < 4 * spread**2 / n
    for of_lines in (first.mean(0), first.mean(1)):
        assert abs(float(of_lines.var()) / (spread**2 / n) - 1) < 4 * (2 / n) ** 0.5
    assert torch.equal(first, draw_mask(torch.empty(n, n), dropped, 7))


def test_what_is_dropped_has_no_gradient_and_the_mean_stays() -> None:
    draw = torch.Generator().manual_seed(5)
    x, a, b, weight, of_y = (
        torch.randn(*shape, generator=draw, dtype=torch.float64)
        for shape in ((64, 24), (3, 24), (16, 3), (16, 24), (64, 16))
    )
    leaves = [one.requires_grad_() for one in (x, a, b)]
    y = LowRank.apply(x, weight, None, a, b, 0.5, 26, 11)
    found = torch.autograd.grad(y, leaves, of_y)
    dropped = x * draw_mask(x, 26, 11) * 256 / 230
    wanted = torch.autograd.grad(x @ weight.T + 0.5 * dropped @ a.T @ b.T, leaves, of_y)
    torch.testing.assert_close(found, wanted)
    with torch.no_grad():
        drawn = torch.stack([LowRank.apply(x, weight, None, a, b, 0.5, 26, seed) for seed in range(400)]).mean(0)
        plain = x @ weight.T + 0.5 * x @ a.T @ b.T
    assert (drawn - plain).abs().mean().item() < 0.1 * (plain - x @ weight.T).abs().mean().item()


def test_attention_by_products_has_the_gradient_of_the_fused_kernel(resolved: Resolved) -> None:
    _, classifier = made(resolved, *PLAIN)
    layer = next(module for module in classifier.modules() if isinstance(module, ProductAttention))
    tokens = torch.randn(3, 17, layer.qkv.in_features, requires_grad=True)
    found = []
    for kind in (ProductAttention, ProductAttention.__bases__[0]):
        layer.__class__ = kind
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(tokens)
        found.append((y, *torch.autograd.grad(y.float().square().sum(), [tokens])))
    for one, other in zip(*found, strict=True):
        assert float((one - other).detach().abs().max()) < 0.03 * float(other.detach().abs().max())


def test_an_unfrozen_matrix_is_pefts_business(resolved: Resolved) -> None:
    _, classifier = made(resolved, *PLAIN)
    layer = next(iter(find_adapters(classifier.backbone).values()))
    layer.base_layer.weight.requires_grad_(True)
    layer(torch.randn(2, layer.in_features)).sum().backward()
    assert isinstance(layer.base_layer.weight, nn.Parameter)
    assert layer.base_layer.weight.grad is not None
