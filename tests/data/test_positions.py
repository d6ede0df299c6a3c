from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.positions import BackgroundPositions, JitteredPositions
from mitofm.ground.errors import MitofmError

from .test_patches import Regions


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Regions:
    return Regions(tmp_path_factory.mktemp("regions"), samples=10)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), distance=st.integers(0, 10), per_image=st.integers(1, 12))
def test_background_lies_in_the_image_and_away_from_every_cell(
    regions: Regions, seed: int, distance: int, per_image: int
) -> None:
    table = BackgroundPositions(regions, per_image, distance, seed=seed).table()
    assert len(table) == 5 * per_image
    assert (table["label"] == 0).all()
    assert table["x"].between(0, 59).all()
    assert table["y"].between(0, 49).all()
    samples = regions.table()
    for image, drawn in table.groupby("image"):
        near = samples[samples["image"] == image][["x", "y"]].to_numpy()
        gaps = np.linalg.norm(drawn[["x", "y"]].to_numpy()[:, None] - near[None], axis=2)
        assert gaps.min() > distance
    again = BackgroundPositions(regions, per_image, distance, seed=seed).table()
    pd.testing.assert_frame_equal(table, again)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), offset=st.integers(0, 30), per_cell=st.integers(1, 4))
def test_jittered_cells_keep_their_label_and_stay_near_and_inside(
    regions: Regions, seed: int, offset: int, per_cell: int
) -> None:
    table = JitteredPositions(regions, per_cell, offset, seed=seed).table()
    samples = regions.table().set_index("sample_id")
    assert len(table) == 10 * per_cell
    own = samples.loc[table["sample_id"].str.split("-").str[0]]
    np.testing.assert_array_equal(table["label"], own["label"])
    assert (np.abs(table[["x", "y"]].to_numpy() - own[["x", "y"]].to_numpy()) <= offset).all()
    assert table["x"].between(0, 59).all()
    assert table["y"].between(0, 49).all()


def test_seeds_draw_other_positions(regions: Regions) -> None:
    one, two = (BackgroundPositions(regions, 5, 3, seed=seed).table() for seed in (0, 1))
    assert (one[["x", "y"]] != two[["x", "y"]]).any(axis=None)


def test_what_cannot_be_had_is_named(regions: Regions, tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"0\.png: 3 positions 500 px from every sample cannot be found"):
        BackgroundPositions(regions, 3, 500).table()
    regions_of_crops = Regions(tmp_path, samples=10)
    regions_of_crops._table["crop"] = regions_of_crops._table["image"]
    for asked in (BackgroundPositions(regions_of_crops, 3, 1), JitteredPositions(regions_of_crops, 1, 1)):
        with pytest.raises(MitofmError, match="crops that are already cut"):
            asked.table()


def test_what_not_all_of_joined_sets_know_of_their_resolution_is_no_hindrance(tmp_path: Path) -> None:
    some = Regions(tmp_path, samples=10, mpp=0.25)
    some._table.loc[some._table["image"] == "0.png", "mpp"] = np.nan
    some.table = lambda: some._table  # type: ignore[method-assign]  # as Joined gives it
    for drawn in (BackgroundPositions(some, 2, 5), JitteredPositions(some, 1, 3)):
        assert drawn.table().groupby("image")["mpp"].first().isna().tolist() == [True, False, False, False, False]
