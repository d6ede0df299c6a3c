"""Every method of the installed peft trains what it is called, or is refused in one line; the page says which."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import peft_methods as methods

from mitofm.adaptation.peft_methods import INITIALISED_ELSEWHERE, METHODS, RUN_UNDER, list_methods
from mitofm.ground.errors import MitofmError

PAGE = Path(__file__).parents[2] / "docs" / "adaptations.md"


def test_every_method_of_this_peft_is_known() -> None:
    assert methods.peft.__version__ == RUN_UNDER, (
        "run `make adaptations`, look at what has changed, and state this peft"
    )
    assert list_methods().keys() == METHODS.keys()


@pytest.mark.parametrize("i", range(len(methods.rows())), ids=lambda i: "-".join(map(str, methods.rows()[i])))
def test_a_method_trains_and_its_checkpoint_is_whole_or_it_is_refused_in_a_line(i: int) -> None:
    (method, settings), found = methods.rows()[i], methods.measure_all()[i]
    why = METHODS[method].refused or INITIALISED_ELSEWHERE.get(settings.get("init_lora_weights"))
    if why:
        assert isinstance(found, str)
        assert why in found
        assert "\n" not in found
        return
    assert not isinstance(found, str), found
    assert all(map(math.isfinite, found.losses))
    assert found.all_move
    assert found.still
    assert found.changes > 0.1
    assert found.rebuilt
    assert found.folds is None or found.folds < 1e-4


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert methods.write_table(page) == page, "make adaptations"


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("lora", {"init_lora_weights": "pisa"}, "Did you mean 'pissa'"),
        ("lora", {"init_lora_weights": None}, "unknown adaptation.init_lora_weights"),
        ("lora", {"init_lora_weights": "pissa", "rank": 300}, "take 192 or less"),
        ("lora", {"rank": "a"}, "adaptation.rank=a: give a number, such as 8"),
        ("lora", {"rank": None}, "adaptation.rank=None: give a number"),
        ("lora", {"alpha": float("nan")}, "adaptation.alpha=nan: give a number"),
        ("lora", {"lora_alpha": -16}, "adaptation.lora_alpha=-16: give a number above 0"),
        ("loha", {"alpha": -0.5}, "adaptation.alpha=-0.5: give a number above 0"),
        ("deft", {"alpha": -1}, "adaptation.alpha=-1: give a number above 0"),
        ("lora", {"rank_pattern": ["fc1"]}, "adaptation.rank_pattern=.*: give a map"),
        ("lora", {"bias": "all"}, "stay frozen"),
        ("lora", {"rank_pattern": {"fc3": 4}}, "has no effect for 'fc3'"),
        ("lora", {"rank_pattern": {"fc[12]": 4, "fc1": 2}}, "has no effect for 'fc1'"),
        ("lora", {"layers_to_transform": [0]}, "say which matrices"),
        ("lora", {"kasa_config": {}}, "the loss"),
        ("hira", {"rank_pattern": {"fc1": 4}}, "the same rank"),
        ("oft", {"oft_block_size": 40}, "oft_block_size=40 does not fit a matrix of 192 x 576"),
        ("ia3", {"feedforward_modules": ["mlp.fc9"]}, "has no effect for 'mlp.fc9'"),
        ("psoft", {"psoft_svd_lowrank_niter": 3}, "will be ignored"),
        ("c3a", {}, "Give \\+adaptation.block_size"),
        ("road", {"group_size": 100}, "Give \\+adaptation.group_size"),
    ],
)
def test_a_setting_without_effect_or_that_does_not_fit_is_refused(
    method: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(MitofmError, match=message) as refused:
        methods.make(method, settings, 0)
    assert "\n" not in str(refused.value)


def test_what_a_method_is_given_of_its_own_goes_before_its_default() -> None:
    adapted = methods.make("ia3", {}, 0)[1].backbone.trunk.blocks[0]
    assert [adapted.mlp.fc2.is_feedforward, adapted.mlp.fc1.is_feedforward] == [True, False]
    assert not methods.make("ia3", {"feedforward_modules": []}, 0)[1].backbone.trunk.blocks[0].mlp.fc2.is_feedforward


def test_a_twin_inside_a_module_is_not_adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = methods.deepcopy(methods.plain())
    backbone.trunk.twin = nn.Module()
    backbone.trunk.twin.trunk = nn.Module()
    backbone.trunk.twin.trunk.blocks = methods.deepcopy(backbone.trunk.blocks)
    monkeypatch.setattr(methods, "plain", lambda: backbone)
    monkeypatch.setattr("mitofm.adaptation.adapters.find_matrices", lambda *_: ["trunk.blocks.0.mlp.fc1"])
    names = methods.make("lora", {}, 0)[0].trained_names(methods.make("lora", {}, 0)[1])
    assert {name for name in names if "lora_A" in name} == {"backbone.trunk.blocks.0.mlp.fc1.lora_A.default.weight"}


def test_a_method_that_nobody_has_run_is_tried_before_it_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(METHODS, "lora")
    monkeypatch.delitem(METHODS, "poly")
    methods.make("lora", {}, 0)
    with pytest.raises(MitofmError, match=r"poly fails in backbone 'vit_tiny': task_ids"):
        methods.make("poly", {}, 0)
    monkeypatch.setattr("peft.tuners.lora.layer.Linear.forward", lambda self, x: self.base_layer(x))
    with pytest.raises(MitofmError, match=r"learns nothing in 4 of 4"):
        methods.make("lora", {}, 0)


def test_a_checkpoint_from_before_bases_were_stored_is_read_and_half_a_one_is_not() -> None:
    settings = {"init_lora_weights": "pissa"}
    adaptation, classifier = methods.make("lora", settings, 0)
    state = adaptation.state(classifier)
    other = methods.make("lora", settings, 0)[1]
    adaptation.load(other, {name: one for name, one in state.items() if "moved" not in name})
    patches = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    assert torch.equal(classifier.eval()(patches), other.eval()(patches))
    with pytest.raises(MitofmError, match="lacks 4 tensors"):
        adaptation.load(other, {name: one for name, one in state.items() if "moved_A" not in name})


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("oft", {"rank": 8, "oft_block_size": 0}),
        ("boft", {"boft_block_num": 4, "boft_block_size": 0}),
        ("osf", {"effective_rank": 0.5}),
        ("lora", {"init_lora_weights": "pissa", "use_rslora": True, "rank_pattern": {"fc1": 4}}),
    ],
)
def test_a_size_that_is_derived_or_a_share_is_taken(method: str, settings: dict[str, Any]) -> None:
    methods.make(method, settings, 0)
