"""Second tables beside the annotated samples, for studies of confounders: random background, jittered positions.

Each is a source of its own, so that its patches lie in a store of their own and never among the annotated samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources.base import Tabled
from mitofm.data.survey import refuse, survey
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.seeds import stream


def require_images(samples: pd.DataFrame, root: Path) -> None:
    """Infeasible if samples are crops that are already cut."""
    if "crop" in samples:
        raise Infeasible(
            f"{root}: these samples are crops that are already cut; there is no image around them to take other positions "
            "from. Use a data set with whole regions or slides"
        )


@dataclass(eq=False)
class Positions(ABC):
    """A table derived from the samples and the images of another, whose `source` is given; `seed` is that of the drawing."""

    kind: ClassVar[str]  # names the random stream of each image, so it cannot change
    source: Tabled
    seed: int = field(default=0, kw_only=True)

    @property
    def root(self) -> Path:
        """That of the annotated samples."""
        return self.source.root

    def table(self) -> pd.DataFrame:
        """The table of the derived positions.

        Raises:
            Infeasible: the source has pre-cut crops, around which there is no image.
            MitofmError: no position can be found.
        """
        samples = self.source.table()
        require_images(samples, self.root)
        seen = survey(self.root, samples, None)
        refuse(self.root, seen, None)
        parts = [
            self.draw(here, seen.loc[image, ["width", "height"]].to_numpy(), stream(self.seed, self.kind, image))
            for image, here in samples.groupby("image")
        ]
        return validate(pd.concat(parts, ignore_index=True), f"{self.kind} of {self.root}", may_lack=("mpp",))

    @abstractmethod
    def draw(self, samples: pd.DataFrame, size: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """The positions in one image of `size` (width, height), given its annotated samples: rows of a table."""


@dataclass(eq=False)
class BackgroundPositions(Positions):
    """Random positions away from every annotated sample, all with label 0.

    Each image has `per_image`.
    """

    kind = "Background"
    per_image: int
    distance_px: float  # from every annotated sample, px at level 0

    def draw(self, samples: pd.DataFrame, size: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """Uniform over the image, drawn again if too near a sample."""
        from scipy.spatial import cKDTree

        image, tree = samples["image"].iloc[0], cKDTree(samples[["x", "y"]].to_numpy())
        found = np.empty((0, 2))
        for _ in range(100):
            drawn = np.floor(rng.uniform(0, size, (4 * self.per_image, 2)))
            found = np.concatenate([found, drawn[tree.query(drawn)[0] > self.distance_px]])[: self.per_image]
            if len(found) == self.per_image:
                break
        else:
            raise MitofmError(
                f"{self.root / image}: {self.per_image} positions {self.distance_px:g} px from every sample cannot be found; "
                "ask for fewer, or nearer ones"
            )
        names = [f"{Path(image).with_suffix('')}-background-{i}" for i in range(self.per_image)]
        common = samples.iloc[[0] * self.per_image].reset_index(drop=True)
        return common.assign(sample_id=names, x=found[:, 0], y=found[:, 1], label=0)


@dataclass(eq=False)
class JitteredPositions(Positions):
    """Every annotated sample seen off its centre, `per_cell` times, with its own label."""

    kind = "Jittered"
    per_cell: int
    offset_px: int  # the largest offset along x and along y, px at level 0

    def draw(self, samples: pd.DataFrame, size: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """Whole-pixel offsets, uniform in a square; those that would leave the image are mirrored back into it."""
        parts = []
        for i in range(self.per_cell):
            centres = samples[["x", "y"]].to_numpy()
            offsets = rng.integers(-self.offset_px, self.offset_px + 1, centres.shape)
            there = centres + offsets
            there = np.where((there >= 0) & (there < size), there, centres - offsets).clip(0, size - 1)
            parts.append(
                samples.assign(sample_id=samples["sample_id"] + f"-jittered-{i}", x=there[:, 0], y=there[:, 1])
            )
        return pd.concat(parts)
