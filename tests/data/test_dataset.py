from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from mitofm.data import annotations
from mitofm.data.dataset import Dataset
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError

CONFIGS = sorted((conf_dir() / "data").glob("*.yaml"))


def config(name: str, data: Path, **source: object) -> dict[str, Any]:
    """The shipped config of a data set, its files looked for under `data`."""
    composed = OmegaConf.merge({"paths": {"data": str(data)}}, OmegaConf.load(conf_dir() / "data" / f"{name}.yaml"))
    plain = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(plain, dict)
    del plain["paths"]
    plain["source"] |= source
    return plain  # type: ignore[return-value]


@pytest.fixture
def tissue(tmp_path: Path) -> Dataset:
    settings = {"domains": ["canine lymphoma", "human melanoma"], "slides_per_domain": 1, "cells_per_slide": 6}
    return Dataset(config("synthetic", tmp_path, **settings), tmp_path / "cache")


def test_a_data_set_is_made_when_first_needed(tissue: Dataset) -> None:
    assert not tissue.present()
    store = tissue.store()
    assert tissue.present()
    assert store.patches.shape == (12, 64, 64, 3)
    assert store.table["sample_id"].tolist() == tissue.table()["sample_id"].tolist()
    assert tissue.card.positive == "mitotic figure"


def test_the_patches_are_those_around_the_cells(tissue: Dataset) -> None:
    store = tissue.store()
    sample = store.table.iloc[5]
    pixels = np.asarray(Image.open(tissue.source.root / sample["image"]))
    x, y = int(sample["x"]), int(sample["y"])
    np.testing.assert_array_equal(store.read(np.array([5]))[0], pixels[y - 32 : y + 32, x - 32 : x + 32])


def test_the_fingerprint_is_that_of_the_table_and_known_files_are_not_opened(
    tissue: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tissue.table_fingerprint()
    assert first == annotations.fingerprint(tissue.table())
    monkeypatch.setattr(type(tissue.source), "table", lambda self: pytest.fail("the table was read"))
    assert tissue.table_fingerprint() == first


def test_what_cannot_be_made_is_named(tmp_path: Path) -> None:
    dataset = Dataset(config("ami", tmp_path), tmp_path / "cache")
    assert not dataset.present()
    for needs in (dataset.table, dataset.table_fingerprint, dataset.store):
        with pytest.raises(MitofmError, match="'ami' is not here"):
            needs()


def test_a_config_with_a_key_missing_or_unknown_is_refused(tmp_path: Path) -> None:
    wrong = config("ami", tmp_path)
    wrong["crop"] = wrong.pop("crop_px")
    with pytest.raises(MitofmError, match=r"unknown key 'data\.crop'\. Did you mean 'data\.crop_px'"):
        Dataset(wrong, tmp_path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_is_a_data_set_and_says_how_to_use_it(path: Path, tmp_path: Path) -> None:
    dataset = Dataset(config(path.stem, tmp_path), tmp_path / "cache")
    assert dataset.card.name == path.stem
    assert dataset.source.root.is_relative_to(tmp_path)
    said, command = path.read_text(encoding="utf-8").splitlines()[:2]
    assert said.startswith("# ")
    assert command.startswith("# mitofm train ")
    assert f"data={path.stem}" in command


@pytest.mark.parametrize(("name", "side"), [("ami", 64), ("mf", 64), ("mf_multi", 48)])
def test_the_real_crops_are_stored_as_their_centres(real_data: Path, real_cache: Path, name: str, side: int) -> None:
    store = Dataset(config(name, real_data), real_cache).store()
    assert store.patches.shape == (len(store.table), side, side, 3)
    for row in (0, len(store.table) // 2, len(store.table) - 1):
        crop = np.asarray(Image.open(real_data / name / store.table["crop"][row]))
        edge = (len(crop) - side) // 2
        np.testing.assert_array_equal(store.patches[row], crop[edge : edge + side, edge : edge + side])
