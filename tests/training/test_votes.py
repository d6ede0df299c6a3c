"""fit.labels=votes, from the annotations to the predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mitofm.data.dataset import Dataset
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import read
from mitofm.runs.execute import check, run
from mitofm.runs.folder import State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.runs.verify import rerun
from mitofm.training.settings import Paths, Settings

Small = Callable[..., Any]
SHORT = ["fit.min_steps=3", "fit.max_steps=3", "protocol.validation_samples=20"]
ADAPTATIONS = ["linear_probe", "lp_ft"]


@pytest.fixture
def crops(tmp_path: Path, small: Small) -> Callable[..., Path]:
    """Trains on a small set of crops and gives the cell; `votes` are those of three experts, by sample."""
    from PIL import Image

    rng = np.random.default_rng(7)
    root = tmp_path / "data" / "ami"
    (root / "patches").mkdir(parents=True)
    for i in range(120):
        pixels = rng.integers(90, 256, (32, 32, 3), dtype=np.uint8)
        pixels[8:24, 8:24] //= 1 + i % 2
        Image.fromarray(pixels).save(root / f"patches/{i:03d}.png")

    def train(*overrides: str, votes: np.ndarray | None) -> Path:
        table = pd.DataFrame({"patch": [f"patches/{i:03d}.png" for i in range(120)], "label": np.arange(120) % 2})
        table = table.assign(
            slide=[f"s{i // 2 % 12}" for i in range(120)], tumor_domain="one", x=range(120), y=range(120)
        )
        if votes is not None:
            table = table.assign(votes_positive=votes, votes=3)
        table.to_csv(root / "annotations.csv", index=False)
        data = ["data=ami", "data.crop_px=32", "backbone=toy_vit_p16", "backbone.img_size=32", "split.test_share=0.4"]
        composed = small(*data, f"paths.data={tmp_path}/data", f"paths.cache={tmp_path}/cache", *SHORT, *overrides)
        assert run(composed) is State.DONE
        config = resolve(composed)
        return Path(config["paths"]["runs"]) / "cells" / identify(Settings.read(config)).folder_name

    return train


def votes(divided: bool) -> np.ndarray:
    """Of three experts, for labels that alternate; every third sample is divided."""
    positive = 3 * (np.arange(120) % 2)
    return np.where(divided & (np.arange(120) % 3 == 0), np.abs(positive - 1), positive)


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "predictions.parquet")


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_what_experts_agree_on_is_learned_as_labels_are_and_division_softens_it(
    crops: Callable[..., Path], adaptation: str
) -> None:
    asked = [f"adaptation={adaptation}", "fit.labels=votes"]
    by_label = crops(asked[0], votes=votes(divided=False))
    agreed = crops(*asked, votes=votes(divided=False))
    divided = crops(*asked, votes=votes(divided=True))  # over the store that was built with other votes
    assert len({by_label.name, agreed.name, divided.name}) == 3
    pd.testing.assert_frame_equal(predictions(agreed), predictions(by_label), check_exact=True)
    truth = ["sample_id", "slide", "label", "evaluation_set"]
    pd.testing.assert_frame_equal(predictions(divided)[truth], predictions(by_label)[truth])
    assert (predictions(divided)["logit"] != predictions(by_label)["logit"]).any()
    split = pd.read_parquet(divided / "split.parquet")
    assert "target" not in pd.read_parquet(by_label / "split.parquet")
    place = split["sample_id"].str[-3:].astype(int)
    np.testing.assert_array_equal(split["target"], votes(divided=True)[place] / 3)
    assert ((split["agreement"] == "divided") == (place % 3 == 0)).all()
    assert ((split["target"] > 0.5) == (split["label"] == 1)).all()


def test_votes_count_for_who_learns_from_them_only(crops: Callable[..., Path]) -> None:
    ids = [crops(votes=one).name for one in (None, votes(divided=False), votes(divided=True))]
    assert len(set(ids)) == 1


def test_a_set_without_votes_is_refused_before_anything_is_cut(small: Small) -> None:
    composed = small("fit.labels=votes")
    config = resolve(composed)
    for name_it in (lambda: identify(Settings.read(config)), lambda: run(composed)):
        with pytest.raises(MitofmError, match=r"fit.labels=votes: .* of data set 'synthetic' have no votes"):
            name_it()
    assert not (Path(config["paths"]["runs"]) / "cells").exists()
    assert Dataset(config["data"], Path(config["paths"]["cache"])).table_fingerprint()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["fit.labels=share"], "fit.labels .*majority.*votes"),
        (
            ["fit.labels=votes", "protocol/confounders=any_positive"],
            "'any_positive' gives samples labels that nobody voted",
        ),
        (["fit.labels=votes", "protocol=released_code"], "'any_positive' gives samples"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(
    resolved: Callable[..., dict[str, Any]], overrides: list[str], told: str
) -> None:
    with pytest.raises(MitofmError, match=told):
        check(resolved(*overrides))
    check(resolved("fit.labels=votes", "protocol/confounders=background"))


def test_a_cell_from_before_the_key_is_one_of_labels(crops: Callable[..., Path], tmp_path: Path) -> None:
    cell = crops(votes=None)
    config = yaml.safe_load((cell / "config.yaml").read_text())
    assert config["fit"].pop("labels") == "majority"
    (cell / "config.yaml").write_text(yaml.safe_dump(config))
    (cell / "DONE").write_text("")  # as such a cell has it
    found = rerun(cell, read(Paths, config["paths"]), tmp_path / "scratch", "check", print)
    assert (found.logits, found.metrics) == (0, 0)
