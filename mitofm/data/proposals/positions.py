"""Ordinary nuclei as samples: proposals that lie near no annotation, where every mitotic figure is annotated."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mitofm.data.annotations import fingerprint, validate
from mitofm.data.patches import fingerprint_images
from mitofm.data.positions import require_images
from mitofm.data.proposals.blocks import CachedTiles
from mitofm.data.proposals.survey import survey
from mitofm.data.survey import refuse
from mitofm.data.survey import survey as look
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import remember
from mitofm.ground.seeds import stream

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset

PER_MM2 = 3000
"""How many proposals a square millimetre of tissue has, as in counts."""
NEAR_UM = 15.0
"""Micrometres from an annotation within which a proposal may be a part of it: twice what makes two detections one."""
_VERSION = 1  # raised whenever the same images would give other positions


class ProposalPositions:
    """In each image as many proposals as it has annotated samples, times `ratio`, drawn at random; fewer if there are fewer.

    They are found once and kept in the cache of the data set.
    """

    def __init__(self, dataset: Dataset, ratio: float) -> None:
        self.dataset, self.ratio, self.root = dataset, ratio, dataset.root

    def table(self) -> pd.DataFrame:
        """Their table, all with label 0.

        Raises:
            Infeasible: the samples are crops that are already cut.
            MitofmError: an image cannot be read, or does not say its resolution.
        """
        samples = self.dataset.table()
        require_images(samples, self.root)
        name = self.dataset.card.name
        images = fingerprint_images(self.root, samples, name, self.dataset.remembered)
        key = fingerprints.of([_VERSION, fingerprint(samples), images, self.ratio, PER_MM2, NEAR_UM])
        entry = self.dataset.cache / "proposals" / f"{name}-{key[:12]}.json"
        found = remember(entry, key, lambda: self._find(samples))
        places = pd.DataFrame(found, columns=["image", "x", "y"])
        number = places.groupby("image").cumcount()
        names = [
            f"{Path(image).with_suffix('')}-proposal-{n}" for image, n in zip(places["image"], number, strict=True)
        ]
        firsts = samples.drop_duplicates("image").drop(columns=["x", "y"])
        table = places.merge(firsts, on="image").assign(sample_id=names, label=0)[list(samples.columns)]
        return validate(table, f"proposals in {self.root}", may_lack=("mpp",))

    def _find(self, samples: pd.DataFrame) -> list[list]:
        """Image, x and y (px) of each."""
        seen = look(self.root, samples, self.dataset.card.image_mpp)
        refuse(self.root, seen, None)
        parts = dict(list(samples.groupby("image")))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda image: self._draw(str(image), parts[image], float(seen.loc[image, "mpp"])), parts)
            return [[image, float(x), float(y)] for image, places in zip(parts, found, strict=True) for x, y in places]

    def _draw(self, image: str, samples: pd.DataFrame, mpp: float) -> np.ndarray:
        """The positions in one image, (n, 2) px."""
        from mitofm.data.images.open import open_image

        if np.isnan(mpp):
            raise MitofmError(
                f"{self.root / image}: this file does not say its resolution, and without it no nuclei are proposed. State "
                "micrometres per px with data.image_mpp=0.25, for instance"
            )
        with open_image(self.root / image) as opened, tempfile.TemporaryDirectory() as work:
            places = survey(CachedTiles(opened), mpp, None, PER_MM2, Path(work), lambda share: None).places
        apart = cKDTree(samples[["x", "y"]].to_numpy(dtype=float)).query(places)[0] if len(places) else np.empty(0)
        far = np.floor(places[apart * mpp > NEAR_UM])
        return stream(0, "Proposals", image).permutation(far)[: ceil(self.ratio * len(samples))]
