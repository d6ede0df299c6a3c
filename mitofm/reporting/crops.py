"""The crops of a few test samples, if this machine has them: from a patch store, else from the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.data.augment import cut_centre
from mitofm.data.dataset import Dataset
from mitofm.data.images.open import open_image
from mitofm.data.patches import PatchStore
from mitofm.data.survey import survey
from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered


def read_crops(data: Mapping[str, Any], samples: pd.DataFrame, cache: Path) -> tuple[dict[str, np.ndarray], str]:
    """Crops (crop_px, crop_px, 3) uint8 by sample_id, and why there are none ("" if there are all).

    Nothing is built and nothing is fetched. A store or table counts only if it holds every one of `samples` (sample_id,
    slide, label) with the same slide and label. `data` is that group of a cell's config.
    """
    try:
        dataset = Dataset(data, cache)
        found = _read_stores(dataset, samples)
        if found is None and dataset.present():
            found = _read_images(dataset, samples)
    except (MitofmError, OSError, ValueError) as error:
        return {}, f"the crops cannot be read here: {error}"
    if found is None:
        return {}, f"neither a patch store nor the images of {data['name']} with these samples are on this machine"
    return dict(zip(samples["sample_id"], found, strict=True)), ""


def _read_stores(dataset: Dataset, samples: pd.DataFrame) -> Iterable[np.ndarray] | None:
    card = dataset.card
    for facts in sorted((dataset.cache / "patches").glob(f"{card.name}-{card.crop_px}+*/store.json")):
        rows = _find_rows(pd.read_parquet(below.check(facts.parent / "table.parquet")), samples)
        if rows is not None:
            store = PatchStore.open(facts.parent, Remembered(dataset.cache / "fingerprints"))
            return cut_centre(store.read(rows), store.crop_px)
    return None


def _read_images(dataset: Dataset, samples: pd.DataFrame) -> Iterable[np.ndarray] | None:
    table, card, root = dataset.table(), dataset.card, dataset.source.root
    rows = _find_rows(table, samples)
    if rows is None:
        return None
    asked = table.iloc[rows]
    seen = survey(root, asked, card.image_mpp)
    found = []
    for place, file in enumerate(cutting.file_column(asked)):
        side = cutting.side(card.crop_px, seen["mpp"][file], card.mpp)
        with open_image(root / file) as image:
            found.append(cutting.cut(image, asked.iloc[[place]], side, card.crop_px)[0])
    return found


def _find_rows(table: pd.DataFrame, samples: pd.DataFrame) -> np.ndarray | None:
    """The rows of `samples` in `table`; None if it lacks one, or has it of another slide or label."""
    rows = pd.Index(table["sample_id"]).get_indexer(samples["sample_id"])
    same = ["slide", "label"]
    if (rows < 0).any() or (table.iloc[rows][same].to_numpy() != samples[same].to_numpy()).any():
        return None
    return rows
