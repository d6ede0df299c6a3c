import pytest

from mitofm.ground.config import conf_dir, experiments_dir, instantiate, list_targets, locate
from mitofm.ground.errors import MitofmError


@pytest.mark.parametrize(
    "target",
    [
        "pandas.read_pickle",
        "joblib.load",
        "os.system",
        "builtins.eval",
        "mitofm",
        "albumentations.core.serialization.load",
        "mitofm.ground.resumable.ResumableArray",  # writes a file when it is built
        "mitofm.training.copies.wandb_run.WandbRun",
        "",
    ],
)
def test_what_is_not_ours_is_not_built(target: str) -> None:
    with pytest.raises(MitofmError, match="not allowed"):
        instantiate({"_target_": target})


@pytest.mark.parametrize(
    "target",
    ["albumentations.load", "mitofm.data.card.counted", "mitofm.data.building.ResumableArray", "mitofm.data.nowhere.X"],
)
def test_only_own_classes_and_transforms_are_built(target: str) -> None:
    with pytest.raises(MitofmError, match="_target_"):
        locate(target)


def test_a_wrong_argument_names_what_there_is() -> None:
    with pytest.raises(MitofmError, match="It takes: name, c, c_without_choice"):
        instantiate({"_target_": "mitofm.adaptation.linear_probe.LinearProbe", "name": "x", "strength": 1})


def test_targets_are_found_however_deep() -> None:
    assert list(list_targets({"a": [{"_target_": "x"}, {"b": {"_target_": "y"}}], "_target_": "z"})) == ["x", "y", "z"]


def test_the_shipped_folders_are_there() -> None:
    assert (conf_dir() / "train.yaml").is_file()
    assert (experiments_dir() / "demo" / "sweep.yaml").is_file()
