"""What `conf/pretrain.yaml` says, read once; its comments say what each key is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from annotated_types import Ge

from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.settings import Count, Natural, NotNegative, Positive, Share, UpToOne
from mitofm.training.settings import Machine, Paths, Precision

_ELSEWHERE = ("paths", "backbone", "accelerator", "threads", "progress", "checkpoint_seconds", "log_every")
"""Keys that cannot change the weights, and the backbone, whose contract counts."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """The decoder that is thrown away."""

    width: Count
    depth: Count
    heads: Count


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How two views of a place are told from all others of the batch."""

    weight: NotNegative
    width: Count
    temperature: Positive


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where crops come from, px."""

    reach: Natural
    shift: Natural
    radius: NotNegative


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """The unlabelled slides."""

    slides_per_domain: Count
    cells_per_slide: Count
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(Machine):
    """`conf/pretrain.yaml`."""

    backbone: BackboneSpec
    paths: Paths
    seed: Natural
    crops: Count
    batch_size: Annotated[int, Ge(2)]
    lr: Positive
    weight_decay: NotNegative
    warmup: UpToOne
    mask: Share
    decoder: Decoder
    contrast: Contrast
    places: Places
    colour: NotNegative
    tissue: Tissue
    precision: Precision
    log_every: Count

    @property
    def decides(self) -> dict[str, Any]:
        """What can change the weights, as JSON-like data."""
        mine = {key: value for key, value in asdict(self).items() if key not in _ELSEWHERE}
        return mine | {"backbone": self.backbone.contract()}
