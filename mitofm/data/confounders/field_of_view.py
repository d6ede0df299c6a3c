"""Confounder field_of_view: each backbone sees what its own evaluation transform leaves of a crop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mitofm.ground.errors import Infeasible

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.data.patches import PatchStore
    from mitofm.data.splits.part import Split


class FieldOfView:
    """Resizing to a larger image and cutting its centre out (248 px to 224, say) shows the centre of the crop only.

    Args:
        backbone: its name.
        shares: of the crop's side that is seen, by the name of the backbone; backbones not named see all of it.
    """

    relabels = False

    def __init__(self, backbone: str, shares: Mapping[str, float]) -> None:
        self.backbone = backbone
        self.share = shares.get(backbone, 1.0)

    def apply(self, split: Split, store: PatchStore, dataset: Dataset) -> tuple[Split, PatchStore]:
        """The same patches, of which less is cut out; test samples are seen in the same way."""
        crop_px = round(self.share * store.crop_px)
        if crop_px == store.crop_px:
            raise Infeasible(
                f"the evaluation transform of backbone {self.backbone!r} shows the whole crop: nothing changes"
            )
        return split, store.narrow(crop_px)
