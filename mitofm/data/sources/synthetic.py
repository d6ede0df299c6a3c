"""Synthetic tissue, rendered when first asked for and then read as MIDOG++ is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.sources.coco import Coco
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Count, Natural
from mitofm.synthesis import generate


class Synthetic:
    """Tissue that `mitofm.synthesis` renders, through the source of MIDOG's format.

    Args:
        root: the folder that holds the renderings, one subfolder per set of settings.
        domains, slides_per_domain, cells_per_slide, seed: `mitofm.synthesis.generate.TissueSettings`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        domains: Sequence[str],
        slides_per_domain: Count = 8,
        cells_per_slide: Count = 40,
        seed: Natural = 0,
    ) -> None:
        self.settings = generate.TissueSettings(domains, slides_per_domain, cells_per_slide, seed)
        self._renderings = Path(root)
        self.root = generate.locate(self._renderings, self.settings)
        positive, negative = generate.CATEGORIES
        self._read = Coco(
            self.root, name, generate.ANNOTATIONS, positive=[positive], negative=[negative], boxes="corners"
        )

    def prepare(self) -> None:
        """Render the tissue, unless it is there."""
        generate.generate(self._renderings, self.settings)

    def files(self) -> list[Path]:
        """The JSON of the samples."""
        if not generate.is_complete(self.root):
            raise MitofmError(f"data set {self._read.name!r} has not been rendered into {self.root}. Prepare it first")
        return self._read.files()

    def table(self) -> pd.DataFrame:
        """The annotation table."""
        self.files()
        return self._read.table()
