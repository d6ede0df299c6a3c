"""The settings of `conf/pretrain.yaml`; its comments say what each key is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from annotated_types import Ge

from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.settings import Count, Natural, NotNegative, Positive, Share, UpToOne
from mitofm.training.settings import Machine, Paths, Precision


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """The decoder, which is discarded after pretraining."""

    width: Count
    depth: Count
    heads: Count


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The contrast: which of the views in a batch show the same place."""

    weight: NotNegative
    width: Count
    temperature: Positive


@dataclass(frozen=True, kw_only=True)
class Places:
    """The positions of crops, px."""

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
    def identity(self) -> dict[str, Any]:
        """The settings that can change the weights, as JSON-like data."""
        neutral = {"paths", "log_every", *(one.name for one in fields(Machine))}
        decisive = {key: value for key, value in asdict(self).items() if key not in neutral}
        return decisive | {"backbone": self.backbone.contract()}
