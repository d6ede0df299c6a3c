from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from mitofm.backbones import spec
from mitofm.ground.errors import MitofmError
from mitofm.runs.books.studies import enlist, list_names, read
from mitofm.runs.execute import check
from mitofm.runs.identity import identify
from mitofm.runs.resolve import plain, rounded
from mitofm.training.settings import Settings

Resolved = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "override",
    ["seed=0", "fraction=0.5", "fit.batch_size=8", "fit.precision=bf16", "augment=none", "adaptation.folds=3", "split.test_share=0.3",
     "backbone=toy_vit_p8", "backbone.embedding=cls", "data.crop_px=48", "data.image_mpp=0.5",
     "protocol.validation_samples=60", "data.source.seed=1", "protocol/confounders=any_positive",
     "protocol/confounders=background", "protocol/confounders=last_checkpoint", "protocol/confounders=equal_steps",
     "protocol/confounders=field_of_view", "protocol/confounders=registers"],
)  # fmt: skip
def test_what_can_change_a_result_changes_the_name(resolved: Resolved, override: str) -> None:
    assert identify(Settings.read(resolved())).id != identify(Settings.read(resolved(override))).id


@pytest.mark.parametrize(
    "override",
    ["trainer.workers=2", "trainer.threads=2", "logger=csv", "study=other", "paths.runs=elsewhere", "data.title=Words"],
)
def test_what_cannot_does_not(resolved: Resolved, override: str) -> None:
    assert identify(Settings.read(resolved())).id == identify(Settings.read(resolved(override))).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["split=kfold", "protocol/confounders=annotation_split"], ["split=annotation_kfold"]),
        (["split=kfold", "protocol/confounders=test_sets_per_mode"], ["split=per_mode"]),
        (["protocol/confounders=equal_steps"], ["fit=equal_steps"]),
        (["protocol/confounders=[any_positive,background]"], ["protocol/confounders=[background,any_positive]"]),
        (["protocol=released_code"], ["split=annotation_per_mode", "fit=equal_steps",
                                      "protocol/confounders=[last_checkpoint,any_positive,background]"]),
    ],
)  # fmt: skip
def test_two_names_for_the_same_rules_are_one_cell(resolved: Resolved, one: list[str], other: list[str]) -> None:
    assert (
        identify(Settings.read(resolved(*one))).id
        == identify(Settings.read(resolved(*other))).id
        != identify(Settings.read(resolved())).id
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fraction=1", "fraction=1.0"),
        ("adaptation.lr=1", "adaptation.lr=1.0"),
        ("adaptation.weight_decay=0", "adaptation.weight_decay=0.0"),
        ("data.image_mpp=1", "data.image_mpp=1.0"),
        ("backbone.mean=[0,0,1]", "backbone.mean=[0.0,0.0,1.0]"),
    ],
)
def test_two_spellings_of_a_number_are_one_cell(resolved: Resolved, one: str, other: str) -> None:
    lora = "adaptation=lora"
    assert identify(Settings.read(resolved(lora, one))).id == identify(Settings.read(resolved(lora, other))).id


def test_what_a_calculation_leaves_in_the_last_digits_is_no_other_cell(resolved: Resolved) -> None:
    def list_names(last: str) -> tuple[str, str, Any]:
        config = resolved(
            "adaptation=lora",
            f"fraction=0.3{last}",
            f"adaptation.lr=0.0003{last}",
            f"backbone.mean=[0.3{last},0.5,0.5]",
            f"augment.transforms=[{{_target_: albumentations.Blur, p: 0.7{last}}}]",
        )
        cell = identify(Settings.read(config))
        stored = config | {"fraction": float(f"0.3{last}")}  # of a cell from before configs were rounded
        assert identify(Settings.read(stored)).id == cell.id
        return cell.id, cell.folder_name, config["fraction"]

    assert list_names("") == list_names("0000000000000004")
    assert list_names("")[2] == 0.3
    assert list_names("")[0] != list_names("0000000003")[0]


@given(st.floats(1e-200, 1e200) | st.floats(-1, -1e-200), st.floats(-1e-13, 1e-13))
def test_a_number_is_one_to_twelve_digits(number: float, apart: float) -> None:
    (number,) = rounded([number])
    assert rounded({"a": [number * (1 + apart)]}) == {"a": [number]}
    assert rounded(number * (1 + 1e-9)) != number


@pytest.mark.parametrize("value", [2**63 - 1, True, "0.30000000000000004", None, 1.0, 0.0, float("inf")])
def test_what_is_no_fraction_stays_as_it_is(value: Any) -> None:
    assert (rounded(value), type(rounded(value))) == (value, type(value))


def test_a_pixel_is_no_share(resolved: Resolved) -> None:
    def erased(side: str) -> str:
        one = f"{{_target_: albumentations.CoarseDropout, hole_height_range: [{side}, {side}]}}"
        return identify(Settings.read(resolved("adaptation=lora", f"augment.transforms=[{one}]"))).id

    assert erased("1") != erased("1.0")


def test_a_yes_is_no_number(resolved: Resolved) -> None:
    flag = "adaptation.use_rslora"
    ids = {
        identify(Settings.read(resolved("adaptation=lora", f"{flag}={value}"))).id
        for value in ("true", "1", "false", "0")
    }
    assert len(ids) == 4


def test_code_that_makes_other_embeddings_makes_other_cells(
    resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify(Settings.read(resolved())).id
    monkeypatch.setattr(spec, "EMBEDDING_VERSION", spec.EMBEDDING_VERSION + 1)
    assert identify(Settings.read(resolved())).id != before


def test_what_a_study_states_is_no_part_of_a_cell(resolved: Resolved) -> None:
    config = resolved()
    stated = {"metric": "auroc", "test_set": None, "margin": 0.1, "family": {"a": {"seed": [1, 2]}}}
    check(config | {"comparisons": stated})
    assert identify(Settings.read(config | {"comparisons": stated})).id == identify(Settings.read(config)).id
    with pytest.raises(MitofmError, match=r"comparisons\.margin=7"):
        check(config | {"comparisons": stated | {"margin": 7}})


def test_a_confounder_under_another_split_is_refused(resolved: Resolved) -> None:
    with pytest.raises(MitofmError, match=r"AnnotationKFold.*unexpected keyword argument 'by'"):
        check(resolved("protocol/confounders=annotation_split"))


def test_learning_rates_of_other_families_are_not_its_own(resolved: Resolved) -> None:
    base = identify(Settings.read(resolved("adaptation=full"))).id
    assert base == identify(Settings.read(resolved("adaptation=full", "adaptation.lr.cnn=0.5"))).id
    assert base != identify(Settings.read(resolved("adaptation=full", "adaptation.lr.vit_toy=0.5"))).id


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fraction=0", "fraction"),
        ("fraction=1.5", "fraction"),
        ("fraction=-1", "fraction"),
        ("seed=-1", "seed=-1: give a whole number"),
        ("fit.precision=fp8", "There is: bf16, fp32"),
        ("fit.batch_size=0", "fit.batch_size=0"),
        ("backbone.img_size=2", "img_size=2"),
        ("data.source._target_=joblib.load", "not allowed"),
        ("backbone.weights=pretraind", "Did you mean 'pretrained'"),
        ("on_error=explode", "There is: continue, raise"),
    ],
)
def test_what_is_wrong_is_known_before_any_data_is_opened(resolved: Resolved, override: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        check(resolved(override))


def test_a_study_lists_a_cell_once(tmp_path: Any) -> None:
    for cell in ("a", "b", "a"):
        enlist(tmp_path, "mine", cell)
    assert list(read(tmp_path, "mine").cells) == ["a", "b"]
    assert list_names(tmp_path) == ["mine"]
    with pytest.raises(MitofmError, match=r"unknown study 'min'.*Did you mean 'mine'"):
        read(tmp_path, "min")
    with pytest.raises(MitofmError, match="a study is named with"):
        enlist(tmp_path, "../out", "a")


@pytest.mark.parametrize("value", ["${nosuch.key}", "[1, '${nosuch.key}']"])
def test_an_interpolation_of_nothing_is_one_line(value: str) -> None:
    with pytest.raises(MitofmError, match=r"the config does not resolve: .*nosuch"):
        plain(OmegaConf.create(f"a: {value}"))
