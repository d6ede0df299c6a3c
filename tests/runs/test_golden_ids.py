"""Ids of finished cells are their users' property: a key that is added later stays out of them at its neutral value.

The ids were recorded with the configs of version 0.1. Protocol version and content fingerprints are held fixed here, so
that what is tested is which keys count, and as what.
"""

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.runs.identity import PROTOCOL_VERSION, _name_streams, hash_config
from mitofm.runs.resolve import resolve

OF_0_1 = {
    "data=ami": "7f3116eccb43",
    "data=ami_benchmark": "87f5dbb6f6d9",
    "data=ami_br": "4ca2b1d56901",
    "data=atnorm_br": "dd92e06af3d1",
    "data=atnorm_md": "f9f0bc383e82",
    "data=ccmct": "d34001e9fb56",
    "data=cmc": "dd9c6bfc32a0",
    "data=mf": "92266c2155c8",
    "data=mf_multi": "82d402db7495",
    "data=midog2021": "9013bb1cfbb7",
    "data=midog2022": "f3a5c250bade",
    "data=midogpp": "c504733788c7",
    "data=own_csv": "e2bc046685cd",
    "data=synthetic": "64d5d2b93dbc",
    "split=annotation": "814bb1bfe961",
    "split=annotation_kfold": "89e2e46cdcd9",
    "split=annotation_per_mode": "6ea4fde05bd4",
    "split=domain_count": "37d030a93d5c",
    "split=external": "04221c0df855",
    "split=external_folds": "309ebfa588e8",
    "split=file": "b6cba84b7102",
    "split=in_domain": "64d5d2b93dbc",
    "split=kfold": "ea11bdceca7a",
    "split=leave_one_out": "c4c75aa3081a",
    "split=one_sided_leak": "3ec5a7a00d02",
    "split=per_mode": "7a239c2a9040",
    "split=single_domain": "bd139ce78d2e",
    "adaptation=attentive_probe": "737515640938",
    "adaptation=bitfit": "bda907a00bac",
    "adaptation=dora": "899226d747a7",
    "adaptation=full": "5005bbd44252",
    "adaptation=knn": "68b47608eae5",
    "adaptation=linear_probe": "64d5d2b93dbc",
    "adaptation=lora": "e76af6a70a94",
    "adaptation=lp_ft": "122c11ee61df",
    "adaptation=mlp_probe": "11fe78387510",
    "adaptation=peft": "0ac28be92493",
    "adaptation=prompt": "a3d6ecf4c86c",
    "adaptation=prototype": "5d3acee4044e",
    "adaptation=scratch": "5005bbd44252",
    "augment=dihedral": "64d5d2b93dbc",
    "augment=none": "6e58cd990acc",
    "fit=default": "64d5d2b93dbc",
    "fit=domain_focal": "b16b4d49401d",
    "fit=equal_steps": "01d34eb2bb10",
    "fit=focal": "1c1a6883c9a8",
}
NEEDED = {
    "split=external": ["split.train_on=a", "split.test_on=b"],
    "split=external_folds": ["split.train_on=a", "split.test_on=b"],
    "split=single_domain": ["split.domain=a"],
    "split=leave_one_out": ["split.domain=a"],
    "split=one_sided_leak": ["split.domain=a"],
    "split=domain_count": ["split.domain=a", "split.count=1"],
    "split=file": ["split.file=a.csv"],
    "adaptation=peft": ["adaptation.method=oft"],
    "adaptation=scratch": ["backbone.weights=random"],
}

FIRED_TOGETHER = {
    "augment=paper": "88a8ba247dfc",
    "augment=strong": "cc7f2100d530",
}  # ids of 0.1 that mean other pixels now


@pytest.mark.parametrize("choice", OF_0_1)
def test_ids_are_those_of_0_1(choice: str) -> None:
    config = resolve(compose("train", [choice, "paths.data=data", *NEEDED.get(choice, [])]))
    files = ["2" * 64] if choice == "split=file" else []
    assert hash_config(config, "0" * 64, "1" * 64, files, protocol_version=3)[:12] == OF_0_1[choice]


def test_seeds_of_split_and_training_stay_out_at_null() -> None:
    def name(*choices: str) -> str:
        return hash_config(resolve(compose("train", ["paths.data=data", *choices])), "0" * 64, "1" * 64, [], 3)

    assert name("split_seed=null", "training_seed=null")[:12] == OF_0_1["data=synthetic"]
    assert len({name(), name("split_seed=42"), name("training_seed=42"), name("split_seed=43"), name("seed=43")}) == 5


@pytest.mark.parametrize("choice", FIRED_TOGETHER)
def test_a_list_whose_transforms_fired_together_is_another_cell(choice: str) -> None:
    config = resolve(compose("train", [choice, "paths.data=data"]))
    assert hash_config(config, "0" * 64, "1" * 64, [], protocol_version=3)[:12] != FIRED_TOGETHER[choice]


def test_transforms_inside_others_count() -> None:
    def streams(*transforms: dict) -> bool:
        return bool(_name_streams({"name": "own", "transforms": list(transforms)}))

    flip = {"_target_": "albumentations.HorizontalFlip", "p": 0.5}
    one_of = {"_target_": "albumentations.OneOf", "transforms": [flip]}
    assert [streams(), streams(flip), streams(flip, flip), streams(one_of)] == [False, False, True, True]


def test_the_protocol_version_of_0_2() -> None:
    assert PROTOCOL_VERSION == 4
