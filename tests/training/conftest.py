"""Crops in which there is something to learn."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], list[str]]:
    """Overrides for a data set of crops in which positives have a dark square; with `shuffled`, labels mean nothing.

    Each is made once, with one cache: only to be asked for.
    """

    @cache
    def make(shuffled: bool) -> list[str]:
        from PIL import Image

        rng = np.random.default_rng(7)
        place = tmp_path_factory.mktemp("planted")
        root = place / "data" / "ami"
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
        return [
            "data=ami",
            "data.crop_px=32",
            f"paths.data={place}/data",
            f"paths.cache={place}/cache",
            "backbone=toy_vit_p16",
            "backbone.img_size=32",
            "split.test_share=0.4",
        ]

    return make
