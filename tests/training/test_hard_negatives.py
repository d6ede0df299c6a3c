"""`data.proposals=true` trains on ordinary nuclei of training slides, too, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from mitofm.data.dataset import Dataset
from mitofm.data.proposals import positions
from mitofm.data.proposals.positions import ProposalPositions
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.runs.identity import hash_config
from mitofm.runs.resolve import resolve

Small = Callable[..., Any]


def test_only_training_gets_proposals_as_many_as_were_asked_for(small: Small, tmp_path: Path) -> None:
    base = ["split=in_domain", "fraction=0.2", "adaptation=linear_probe"]
    more = {"without": [], "with": ["data.proposals=true", "data.proposals_ratio=0.5"]}
    splits, predictions = {}, {}
    for name, asked in more.items():
        assert run(small(*base, *asked, f"paths.runs={tmp_path}/{name}")) is State.DONE
        (done,) = (tmp_path / name).glob("cells/*/DONE")
        splits[name] = pd.read_parquet(done.parent / "split.parquet")
        predictions[name] = pd.read_parquet(done.parent / "predictions.parquet")
    n = len(splits["without"])
    pd.testing.assert_frame_equal(splits["with"].iloc[:n], splits["without"])
    added = splits["with"].iloc[n:]
    assert set(added["part"]) == {"train", "unused"}
    assert set(added["label"]) == {0}
    bought = splits["without"].query("part == 'train'").groupby("slide").size()
    trained = added.query("part == 'train'").groupby("slide").size()
    there = added.groupby("slide").size().reindex(bought.index).fillna(0)
    wanted = np.floor(bought / 2 + 0.5)
    assert trained.to_dict() == np.minimum(wanted, there)[lambda of: of > 0].to_dict()
    assert (wanted < there).any()
    keys = ["sample_id", "label", "evaluation_set"]
    pd.testing.assert_frame_equal(predictions["with"][keys], predictions["without"][keys])
    assert (predictions["with"]["logit"] != predictions["without"]["logit"]).any()


def test_proposals_are_nuclei_away_from_every_annotation_and_are_found_once(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(resolve(small("data.proposals=true"))["data"], tmp_path)
    dataset.files()
    table, samples = ProposalPositions(dataset, 1.5).table(), dataset.table()
    for image, here in table.groupby("image"):
        annotated = samples.loc[samples["image"] == image, ["x", "y"]]
        assert 0 < len(here) <= np.ceil(1.5 * len(annotated))
        assert cKDTree(annotated).query(here[["x", "y"]])[0].min() * 0.25 > 14.5  # a proposal lies between whole px
    assert table["slide"].isin(samples["slide"]).all()
    monkeypatch.setattr(positions, "survey", pytest.fail)
    pd.testing.assert_frame_equal(ProposalPositions(dataset, 1.5).table(), table)


def test_they_count_in_the_identity_and_a_set_that_may_lack_figures_is_refused(small: Small, tmp_path: Path) -> None:
    asked = (["data.proposals=true"], ["data.proposals=true", "data.proposals_ratio=2"])
    ids = [hash_config(resolve(small(*words)), "t", "w", []) for words in ([], *asked)]
    assert len(set(ids)) == 3
    assert hash_config(resolve(small("data.exhaustive=false")), "t", "w", []) == ids[0]
    with pytest.raises(MitofmError, match="exhaustive: true"):
        Dataset(resolve(small("data.proposals=true", "data.exhaustive=false"))["data"], tmp_path)
    with pytest.raises(MitofmError, match=r"changes nothing without data\.proposals=true"):
        Dataset(resolve(small("data.proposals_ratio=2"))["data"], tmp_path)
