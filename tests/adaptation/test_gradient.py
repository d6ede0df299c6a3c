"""What each gradient mode trains, and what its checkpoint holds."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from peft_methods import train

from mitofm.adaptation import effect
from mitofm.adaptation.adapters import TARGETS
from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError

Resolved = Callable[..., dict[str, Any]]

HEAD_NAMES = {"head.weight", "head.bias"}
HEAD = r"head\.(weight|bias)"
TRAINED = {  # of the classifier's state, what each mode trains; dropout 0, so that a step moves all of it
    "adaptation=lora adaptation.dropout=0": rf".*\.lora_[AB]\.default\.weight|{HEAD}",
    "adaptation=lora adaptation.dropout=0 adaptation.use_rslora=true": rf".*\.lora_[AB]\.default\.weight|{HEAD}",
    "adaptation=dora adaptation.dropout=0": rf".*\.lora_([AB]|magnitude_vector)\.default\.weight|{HEAD}",
    "adaptation=peft adaptation.method=loha": rf".*\.hada_w\d_[ab]\.default|{HEAD}",
    "adaptation=peft adaptation.method=oft +adaptation.oft_block_size=16": rf".*\.oft_R\.default\.weight|{HEAD}",
    "adaptation=peft adaptation.method=ia3 +adaptation.feedforward_modules=[]": rf".*\.ia3_l\.default|{HEAD}",
    "adaptation=bitfit": rf"backbone\..*\.bias|{HEAD}",
    "adaptation=prompt adaptation.dropout=0": rf"backbone\.trunk\.blocks\.\d\.prompts|{HEAD}",
    "adaptation=full": ".*",
}
FIRST_LOSSES = {  # of five steps of AdamW at the mode's own rates, dropout included
    "lora": [0.69664, 0.62512, 0.48842, 0.36440, 0.20402],
    "dora": [0.69664, 0.61585, 0.47299, 0.31425, 0.16770],
    "peft": [0.69664, 0.67177, 0.64496, 0.61592, 0.58402],
    "bitfit": [0.69664, 0.78031, 0.70028, 0.66338, 0.66484],
    "prompt": [0.70268, 0.67255, 0.67434, 0.66245, 0.65411],
    "full": [0.69664, 0.87862, 0.45149, 0.25425, 0.13334],
}
PATCHES = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0.0, 1.0] * 4)


def made(resolved: Resolved, *overrides: str, seed: int = 0) -> tuple[GradientAdaptation, Classifier]:
    config = resolved("backbone=toy_vit_p16", *overrides)
    backbone = build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), seed)
    adaptation = instantiate(config["adaptation"], "adaptation")
    return adaptation, adaptation.adapt(backbone, seed)


def steps(adaptation: GradientAdaptation, classifier: Classifier, n: int, **of_all: float) -> list[float]:
    return train(adaptation, classifier, PATCHES, LABELS, n, **of_all)


def moved(adaptation: GradientAdaptation, classifier: Classifier, n: int) -> set[str]:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    steps(adaptation, classifier, n, weight_decay=0.0)
    return {name for name, value in classifier.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("mode", TRAINED)
def test_what_a_mode_states_moves_and_nothing_else(resolved: Resolved, mode: str) -> None:
    adaptation, classifier = made(resolved, *mode.split())
    names = set(classifier.state_dict())
    stated = {name for name in names if re.fullmatch(TRAINED[mode], name)}
    assert adaptation.trained_names(classifier) == stated
    assert stated > HEAD_NAMES
    assert (stated == names) == (mode == "adaptation=full")
    assert moved(adaptation, classifier, 2) == stated
    groups = adaptation.parameter_groups(classifier)
    optimised = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(optimised) == len(set(optimised)) == len(stated)


@pytest.mark.parametrize("mode", FIRST_LOSSES)
def test_the_first_losses_are_those_they_were(resolved: Resolved, mode: str) -> None:
    losses = steps(*made(resolved, f"adaptation={mode}"), 5)
    assert losses == pytest.approx(FIRST_LOSSES[mode], rel=1e-3)


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


@pytest.mark.parametrize("mode", TRAINED)
def test_a_checkpoint_round_trips_strictly(resolved: Resolved, mode: str) -> None:
    adaptation, classifier = made(resolved, *mode.split())
    steps(adaptation, classifier, 2, weight_decay=0.0)
    state = {name: value.clone() for name, value in adaptation.state(classifier).items()}
    adaptation, fresh = made(resolved, *mode.split())
    assert not torch.equal(classifier.eval()(PATCHES), fresh.eval()(PATCHES))
    adaptation.load(fresh, state)
    assert torch.equal(classifier.eval()(PATCHES), fresh.eval()(PATCHES))
    with pytest.raises(MitofmError, match=r"differs in 1 tensors, such as head.bias"):
        adaptation.load(fresh, {name: value for name, value in state.items() if name != "head.bias"})
    with pytest.raises(MitofmError, match="does not fit"):
        adaptation.load(fresh, {**state, "head.weight": torch.zeros(1, 3)})


@pytest.mark.parametrize("mode", ["lora", "dora", "bitfit", "peft"])
def test_training_starts_from_the_backbone_as_it_is(resolved: Resolved, mode: str) -> None:
    outputs = [made(resolved, f"adaptation={one}")[1].eval()(PATCHES) for one in (mode, "full")]
    assert torch.allclose(*outputs, atol=1e-6)


def test_prompts_are_seen_by_every_block_and_returned_by_none(resolved: Resolved) -> None:
    _, classifier = made(resolved, "adaptation=prompt")
    trunk = classifier.backbone.trunk
    seen = []
    for block in trunk.blocks:
        assert block.prompts.shape == (10, 96)
        block.block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    plain = made(resolved, "adaptation=full")[1].backbone.trunk
    images = torch.randn(2, 3, 64, 64)
    assert trunk.eval().forward_features(images).shape == plain.forward_features(images).shape == (2, 17, 96)
    assert seen == [27] * 4


def test_prompts_do_not_shift_rotary_positions(resolved: Resolved) -> None:
    rotary = ["backbone.architecture=vit_small_patch16_dinov3", "backbone.prefix_tokens=5", "backbone.depth=null"]
    _, classifier = made(resolved, "adaptation=prompt", *rotary)
    attention = classifier.backbone.trunk.blocks[0].block.attn
    assert attention.num_prefix_tokens == 15
    assert classifier.eval()(PATCHES).shape == (8,)


def test_the_last_blocks_alone_may_be_adapted(resolved: Resolved) -> None:
    adaptation, classifier = made(resolved, "adaptation=lora", "adaptation.last_blocks=2")
    blocks = {found[1] for name in adaptation.trained_names(classifier) if (found := re.search(r"blocks\.(\d+)", name))}
    assert blocks == {"2", "3"}


@pytest.mark.parametrize(
    ("mode", "why", "backbone"),
    [
        ("lora adaptation.targets=attention", "finds nothing to adapt in", "resnet18"),
        ("lora", "finds nothing to adapt in", "mobilenetv2"),
        ("prompt", "no sequence of tokens", "mobilenetv2"),
    ],
)
def test_a_backbone_that_cannot_be_adapted_so_is_refused(
    resolved: Resolved, mode: str, why: str, backbone: str
) -> None:
    with pytest.raises(MitofmError, match=rf"'{mode.split()[0]}'.*backbone '{backbone}'.*take a ViT") as refused:
        made(resolved, *f"adaptation={mode}".split(), f"backbone={backbone}", "backbone.weights=random")
    assert why in str(refused.value)


VIT = ("depth=2", "embed_dim=48", "num_heads=4", "img_size=56")
WINDOWS = ("depths=[1,1]", "embed_dim=48", "num_heads=[2,4]", "img_size=56")
FAMILIES = {  # how many matrices of two blocks are adapted; None where the attention uses the weights of qkv itself
    "vit_base_patch14_dinov2": (VIT, "cls", 8),
    "vit_base_patch14_reg4_dinov2": (VIT, "cls", 8),
    "vit_small_patch14_dinov2": ((*VIT, "mlp_layer=SwiGLUPacked"), "cls", 8),
    "vit_small_patch8_224": (VIT, "cls", 8),
    "vit_small_patch16_dinov3": ((*VIT, "patch_size=14"), "cls", 8),
    "vit_huge_plus_patch16_dinov3": ((*VIT, "patch_size=14"), "cls", 10),
    "swin_tiny_patch4_window7_224": (WINDOWS, "pool", 8),
    "eva02_base_patch14_224": (VIT, "cls", 14),  # q, k and v apart
    "xcit_nano_12_p8_224": ((*VIT, "cls_attn_layers=1"), "cls", 14),  # in the attention of the class token
    "eva02_tiny_patch14_224": (VIT, "cls", None),
    "beit_base_patch16_224": ((*VIT, "patch_size=14"), "cls", None),
    "vit_small_patch16_dinov3_qkvb": ((*VIT, "patch_size=14"), "cls", None),
    "swinv2_tiny_window8_256": ((*WINDOWS, "window_size=7"), "pool", None),
}


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_adapted_matrix_learns_or_none_is_adapted(resolved: Resolved, architecture: str) -> None:
    kwargs, embedding, n = FAMILIES[architecture]
    typed = ["backbone=custom", "backbone.weights=random", "backbone.img_size=56", f"backbone.embedding={embedding}",
             f"backbone.architecture={architecture}", *(f"+backbone.kwargs.{one}" for one in kwargs),
             "adaptation=lora", "adaptation.dropout=0"]  # fmt: skip
    if n is None:
        no_effect = rf"no effect in 2 of the \d+ matrices of backbone 'custom', such as .*attn\.qkv: {architecture}"
        with pytest.raises(MitofmError, match=rf"{no_effect}.*Take adaptation\.targets=mlp or adaptation=full"):
            made(resolved, *typed)
        made(resolved, *typed, "adaptation.targets=mlp")
        return
    before = torch.get_rng_state()
    adaptation, classifier = made(resolved, *typed)
    assert torch.equal(torch.get_rng_state(), before)
    adapted = {name for name in adaptation.trained_names(classifier) if ".lora_B." in name}
    assert len(adapted) == n
    assert moved(adaptation, classifier, 1) == adapted | HEAD_NAMES


def test_which_matrices_learn_is_asked_once_for_the_cells_of_a_sweep(
    resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effect, "_known", {})
    looked, look = [], effect._look_for_idle
    monkeypatch.setattr(effect, "_look_for_idle", lambda *given: looked.append(given) or look(*given))
    for more in ((), ("adaptation.rank=2",), ("adaptation.targets=mlp",)):
        made(resolved, "adaptation=lora", *more)
    assert [len(layers) for _, layers in looked] == [16, 8]


def test_bitfit_leaves_running_statistics_alone(resolved: Resolved) -> None:
    mode = made(resolved, "adaptation=bitfit", "backbone=resnet18", "backbone.weights=random", "backbone.img_size=32")
    assert all(name.endswith(".bias") or name in HEAD_NAMES for name in moved(*mode, 1))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("adaptation.rank=0", "give a whole number of at least 1"),
        ("adaptation.alpha=-1", r"adaptation\.alpha=-1: give a number above 0"),
        ("adaptation.alpha=0", r"adaptation\.alpha=0: give a number above 0"),
        ("adaptation.dropout=2", "give a probability from 0 up to, but not, 1"),
        ("adaptation.targets=heads", "There is: attention"),
        ("adaptation.last_blocks=0", "at least 1"),
        ("adaptation.method=lara", "Did you mean 'lora'"),
        ("+adaptation.use_rs_lora=true", "Did you mean 'use_rslora'"),
        ("adaptation.lr=0", "above 0"),
    ],
)
def test_bad_settings_are_refused(resolved: Resolved, override: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        made(resolved, "adaptation=lora", override)


def test_layer_decay_spares_early_layers_and_loses_none(resolved: Resolved) -> None:
    adaptation, classifier = made(resolved, "adaptation=full", "adaptation.layer_decay=0.5", "adaptation.lr=1.0")
    names = {id(parameter): name for name, parameter in classifier.named_parameters()}
    rates = {
        names[id(one)]: group["lr"] for group in adaptation.parameter_groups(classifier) for one in group["params"]
    }
    assert rates.keys() == set(names.values())
    trunk = "backbone.trunk."
    assert rates["head.weight"] == adaptation.head_lr
    assert rates[f"{trunk}norm.weight"] == 1.0
    falling = [rates[f"{trunk}{part}"] for part in ("cls_token", *(f"blocks.{i}.attn.qkv.weight" for i in range(4)))]
    assert falling[1:] == [2 * rate for rate in falling[:-1]]
    assert falling[-1] in (0.5, 1.0)
    assert rates[f"{trunk}pos_embed"] == rates[f"{trunk}patch_embed.proj.weight"] == falling[0]


def test_drop_path_leaves_blocks_out_in_training_alone(resolved: Resolved) -> None:
    config = resolved("backbone=toy_vit_p16", "adaptation=full", "adaptation.drop_path=0.5")
    adaptation = instantiate(config["adaptation"])
    spec = adaptation.adapt_spec(BackboneSpec.from_config(config["backbone"]))
    classifier = adaptation.adapt(build(spec, Weights(None, "random"), 0), 0)
    plain = made(resolved, "adaptation=full")[1]
    assert torch.equal(classifier.eval()(PATCHES), plain.eval()(PATCHES))
    adaptation.set_train_mode(classifier)
    assert not torch.equal(classifier(PATCHES), classifier(PATCHES))


@pytest.mark.parametrize("override", ["adaptation.layer_decay=0", "adaptation.drop_path=1", "adaptation.ema=1"])
def test_bad_settings_of_full_are_refused(resolved: Resolved, override: str) -> None:
    with pytest.raises(MitofmError, match=override.partition("=")[0]):
        made(resolved, "adaptation=full", override)


def test_scratch_is_full_on_random_weights(resolved: Resolved) -> None:
    scratch = resolved("backbone=deit_tiny", "adaptation=scratch")
    full = resolved("backbone=deit_tiny", "adaptation=full", "backbone.weights=random")
    assert scratch == full
