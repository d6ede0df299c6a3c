"""Crops in which there is something to learn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], list[str]]:
    """Overrides for a data set of crops in which positives have a dark square; with `shuffled`, labels mean nothing."""
    made: dict[bool, Path] = {}

    def make(shuffled: bool) -> list[str]:
        if shuffled not in made:
            made[shuffled] = tmp_path_factory.mktemp("planted")
            write_crops(made[shuffled] / "data" / "ami", shuffled)
        return [
            "data=ami",
            "data.crop_px=32",
            f"paths.data={made[shuffled]}/data",
            f"paths.cache={made[shuffled]}/cache",
            "backbone=toy_vit_p16",
            "backbone.img_size=32",
            "split.test_share=0.4",
        ]

    return make


def write_crops(root: Path, shuffled: bool) -> None:
    rng = np.random.default_rng(7)
    (root / "patches").mkdir(parents=True)
    rows = []
    for i in range(720):
        label = int(rng.integers(0, 2))
        pixels = rng.integers(90, 256, (32, 32, 3), dtype=np.uint8)
        if label:
            pixels[8:24, 8:24] //= 2
        Image.fromarray(pixels).save(root / f"patches/{i}.png")
        shown = int(rng.integers(0, 2)) if shuffled else label
        rows.append([f"patches/{i}.png", shown, f"s{i % 24}", "one tumor", i, i])
    columns = ["patch", "label", "slide", "tumor_domain", "x", "y"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "annotations.csv", index=False)
