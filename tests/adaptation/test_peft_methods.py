"""Every method that the installed peft lists trains as it is called, or is refused in one line."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.adaptation.peft_methods import REFUSED
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.config import instantiate
from mitofm.errors import MitofmError

_script = importlib.util.spec_from_file_location(
    "peft_methods", Path(__file__).parents[2] / "benchmarks" / "peft_methods.py"
)
ran = sys.modules["peft_methods"] = importlib.util.module_from_spec(_script)  # its dataclass looks for itself there
_script.loader.exec_module(ran)
WORKING = [method for method in ran.METHODS if method not in REFUSED]
STARTS_ELSEWHERE = {"c3a", "fourierft"}


def test_the_table_is_up_to_date_and_complete() -> None:
    page = ran.PAGE.read_text()
    assert ran.written(page) == page, "make adaptations"
    assert len(ran.METHODS) == 38
    assert all(f"| `{method}` |" in page for method in ran.METHODS)


@pytest.mark.parametrize("method", WORKING)
def test_a_method_trains_its_adapters_and_nothing_else(method: str) -> None:
    found = ran.run(method)
    assert not isinstance(found, str), found
    assert found.intact
    assert all(name.endswith("glora_D.default.X") for name in found.idle)
    assert found.losses[2] < found.losses[0] or method == "waveft"  # its rate is high for it
    assert found.moved > 0.1
    assert (found.start < 1e-4) == (method not in STARTS_ELSEWHERE)
    assert found.rebuilt == 0


@pytest.mark.parametrize("method", REFUSED)
def test_a_method_that_would_be_something_else_is_refused_in_one_line(method: str) -> None:
    assert ran.run(method) == f"adaptation.method={method} is refused: {REFUSED[method]}"


Made = tuple[GradientAdaptation, Classifier]
PATCHES = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return ran._typed("adaptation=lora", "adaptation.lr=0.01")


@pytest.fixture(scope="module")
def made(config: dict[str, Any]) -> Callable[..., Made]:
    def made(seed: int = 0, **settings: Any) -> Made:
        adaptation = instantiate({**config["adaptation"], "dropout": 0.0, **settings})
        backbone = build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), 0)
        return adaptation, adaptation.module(backbone, seed)

    return made


@pytest.mark.parametrize(
    ("start", "scale"),
    [("pissa", {"use_rslora": True}), ("pissa_niter_2", {"alpha": 4}), ("olora", {"alpha": 4}), ("MiCA", {})],
)
def test_a_start_from_the_matrix_is_rebuilt_from_the_checkpoint(
    made: Callable[..., Made], start: str, scale: dict
) -> None:
    adaptation, classifier = made(init_lora_weights=start, **scale)
    ran.train(adaptation, classifier)
    state = {name: value.clone() for name, value in adaptation.state(classifier).items()}
    logits = ran.predicted(classifier)
    assert (logits - ran.predicted(made(**scale)[1])).abs().max() > 1e-2
    same = made(init_lora_weights=start, **scale)[1]
    adaptation.load(same, state)
    assert torch.equal(ran.predicted(same), logits)
    drawn_otherwise = made(seed=7, init_lora_weights=start, **scale)[1]
    for name, value in drawn_otherwise.state_dict().items():  # as if another library decomposed: signs are free
        if "lora_" in name:
            value.neg_()
    adaptation.load(drawn_otherwise, state)
    assert (ran.predicted(drawn_otherwise) - logits).abs().max() < 1e-5


def test_without_the_first_factors_another_draw_means_another_matrix(made: Callable[..., Made]) -> None:
    adaptation, classifier = made(init_lora_weights="pissa_niter_1")
    ran.train(adaptation, classifier)
    state = adaptation.state(classifier)
    other = made(seed=7, init_lora_weights="pissa_niter_1")[1]
    adaptation.load(other, {name: value for name, value in state.items() if "first_" not in name})  # as 0.1 stored it
    assert (ran.predicted(other) - ran.predicted(classifier)).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init_lora_weights": "eva"}, "adaptation.init_lora_weights=eva is refused: .*plain LoRA"),
        ({"init_lora_weights": "lora_ga"}, "is refused: .*plain LoRA"),
        ({"init_lora_weights": "corda_ipm"}, "is refused: .*plain LoRA"),
        ({"init_lora_weights": "loftq"}, "is refused: it is for quantised"),
        ({"init_lora_weights": "piza"}, "peft's lora cannot adapt .*Unknown initialization"),
        ({"bias": "all"}, "adaptation.bias=all is refused: adaptation.targets and"),
        ({"target_modules": ["qkv"]}, "is refused: adaptation.targets and"),
        ({"layers_to_transform": [0]}, "is refused: adaptation.targets and"),
        ({"inference_mode": True}, "has no effect"),
        ({"kasa_config": {}}, "a training loop of its own"),
        ({"rank_pattern": {"fc1_g": 4}}, r"adaptation.rank_pattern: 'fc1_g' is the end of no adapted matrix, such as trunk.blocks.0"),
    ],
)  # fmt: skip
def test_a_setting_without_its_effect_is_refused(made: Callable[..., Made], settings: dict, message: str) -> None:
    with pytest.raises(MitofmError, match=message) as refused:
        made(**settings)
    assert "\n" not in str(refused.value)


def test_ranks_by_pattern_are_those_of_the_matrices_that_it_means(made: Callable[..., Made]) -> None:
    _, classifier = made(rank_pattern={"mlp.fc1": 2})
    ranks = {name.split(".blocks.0.")[1].split(".lora")[0]: value.shape[0]
             for name, value in classifier.named_parameters() if ".blocks.0." in name and "lora_A" in name}  # fmt: skip
    assert ranks == {"attn.qkv": 8, "attn.proj": 8, "mlp.fc1": 2, "mlp.fc2": 8}
