"""Synthetic tissue, rendered when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.errors import MitofmError
from mitofm.synthesis import generate


class Synthetic:
    """Tissue that `mitofm.synthesis` renders.

    Args:
        root: the folder that holds the renderings, one subfolder per set of settings.
        name: the data set's name in the table.
        domains, slides_per_domain, cells_per_slide, mitotic_share, seed: `mitofm.synthesis.generate.TissueSettings`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        domains: Sequence[str],
        slides_per_domain: int = 8,
        cells_per_slide: int = 40,
        mitotic_share: float = 0.45,
        seed: int = 0,
    ) -> None:
        self.settings = generate.TissueSettings(domains, slides_per_domain, cells_per_slide, mitotic_share, seed)
        self.name = name
        self._renderings = Path(root)
        self.root = generate.folder(self._renderings, self.settings)

    def prepare(self) -> None:
        """Render the tissue, unless it is there."""
        generate.generate(self._renderings, self.settings)

    def files(self) -> list[Path]:
        """The CSV of the cells."""
        if not generate.complete(self.root):
            raise MitofmError(f"data set {self.name!r} has not been rendered into {self.root}. Prepare it first")
        return [self.root / generate.ANNOTATIONS]

    def table(self) -> pd.DataFrame:
        """The annotation table."""
        path = self.files()[0]
        return validate(pd.read_csv(path).assign(dataset=self.name), str(path))
