"""What a count depends on besides the cell and the slides."""

from __future__ import annotations

from dataclasses import dataclass

from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import NotNegative, Positive, Share, UpToOne

BLOBS, DENSE = "blobs", "dense"


@dataclass(frozen=True, kw_only=True)
class Counting:
    """The keys of `conf/count.yaml` that change a count."""

    proposals: str
    """blobs, dense, or a file of points."""
    proposals_per_mm2: Positive
    dense_step_um: Positive
    merge_um: NotNegative
    area_mm2: Positive
    aspect: tuple[Positive, Positive]
    threshold: Share | None
    listed_from: UpToOne
    """Probability from which on a position that is no mitotic figure is written down as a look-alike."""
    other_resolution: bool

    @property
    def per_mm2(self) -> float | None:
        """How many blobs are looked for; None: none."""
        return self.proposals_per_mm2 if self.proposals == BLOBS else None

    @property
    def file(self) -> str | None:
        """The file of points, if one was given."""
        return None if self.proposals in (BLOBS, DENSE) else self.proposals

    def __post_init__(self) -> None:
        if self.proposals == "":
            raise MitofmError("proposals: give blobs, dense, or a file of points")
