"""Whether the frozen first blocks of a cell's backbone are computed at every step, or once for all cells and kept on the disk."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from shutil import disk_usage
from typing import Any

import numpy as np
import torch

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.embeddings import cache_embeddings, locate_embeddings
from mitofm.backbones.prefix import Prefix, Suffix, count_frozen, split
from mitofm.backbones.views import VIEWS, turn
from mitofm.data.augment import Augment, cut_centre
from mitofm.data.patches import PatchStore
from mitofm.data.turned import TurnedFeatures, Turns
from mitofm.ground import fingerprints
from mitofm.training.budget import Budget
from mitofm.training.cell import Cell

# Whatever these draw, a patch is shown in one of the eight views.
_TURNING = ("D4", "SquareSymmetry", "HorizontalFlip", "VerticalFlip", "Transpose", "RandomRotate90")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptPrefix:
    """The kept tokens of every patch, the view that each seed draws, and the network that goes on from them."""

    features: TurnedFeatures
    turns: Turns
    suffix: Suffix


def open_prefix(
    cell: Cell, adaptation: GradientAdaptation, classifier: Classifier, budget: Budget
) -> KeptPrefix | None:
    """The prefix of the cell's backbone, computed first if that costs less than to compute it at every step.

    None if no block is frozen, or they are not kept: then the log says why. The results are the same but for their last digits.
    """
    depth = count_frozen(classifier.backbone)
    if not depth:
        return None
    try:
        return _open(cell, adaptation, classifier.backbone, budget, depth)
    except (_NotKept, OSError) as reason:  # a full disk hinders no cell
        _log.info("the %d frozen blocks before the first adapted one are computed at every step: %s", depth, reason)
        return None


class _NotKept(Exception):
    """Why not."""


def _open(cell: Cell, adaptation: GradientAdaptation, backbone: Any, budget: Budget, depth: int) -> KeptPrefix:
    store, turns = cell.store, find_turns(cell)
    if cell.trainer.gradient_checkpointing:
        raise _NotKept("trainer.gradient_checkpointing is on")
    backbone = backbone.to(cell.device).eval()
    autocast = torch.autocast(cell.device.type, dtype=cell.autocast, enabled=cell.autocast != torch.float32)
    with autocast:
        suffix = split(backbone, depth, _read_first(store).to(cell.device))
        if suffix is None:
            raise _NotKept("this network passes more than tokens from block to block")
        shape = Prefix(backbone, depth, view=0).shape
    contract = replace(cell, spec=adaptation.adapt_spec(cell.spec)).backbone_fingerprint
    views = range(VIEWS if cell.settings.augment.transforms else 1)
    names = [fingerprints.of([contract, "prefix", depth, view]) for view in views]
    files = tuple(locate_embeddings(store, name, cell.cache) for name in names)
    each = len(store.table) * math.prod(shape) * np.dtype(np.float32).itemsize
    if len(files) * each > cell.trainer.prefix_cache_gb * 1e9:
        raise _NotKept(f"all of them would take {len(files) * each / 1e9:.1f} GB of disk (trainer.prefix_cache_gb)")
    if missing := sum(not file.is_file() for file in files):
        seen, needed = budget.steps * cell.fit.batch_size, missing * len(store.table)
        if seen < needed:
            raise _NotKept(f"this training sees {seen:,} patches, fewer than the {needed:,} to compute")
        cell.cache.mkdir(parents=True, exist_ok=True)
        if missing * each > disk_usage(cell.cache).free / 2:
            raise _NotKept(f"{missing * each / 1e9:.1f} GB are more than half of what is free on the disk")
    _log.info(
        "the tokens after the first %d blocks, which are frozen, are kept in the cache: %.1f GB",
        depth,
        len(files) * each / 1e9,
    )
    for view, name in zip(views, names, strict=True):
        cache_embeddings(
            store, name, cell.cache, partial(Prefix, backbone, depth, view), device=cell.device, precision=cell.autocast
        )
    return KeptPrefix(TurnedFeatures(files), turns, suffix)


def find_turns(cell: Cell) -> Turns:
    """Which view each seed of the cell's augmentation draws. _NotKept: it does more than to turn a patch."""
    transforms, crop_px = cell.settings.augment.transforms, cell.store.crop_px
    others = {one["_target_"].removeprefix("albumentations.") for one in transforms}.difference(_TURNING)
    if others:
        raise _NotKept(f"{', '.join(sorted(others))} of the augmentation does more than to turn a patch")
    if cell.fit.mixup or cell.fit.cutmix:
        raise _NotKept("samples are mixed")
    side = cell.store.patches.shape[1]
    marker = np.random.default_rng(0).integers(256, size=(1, side, side, 3), dtype=np.uint8)
    views = [turn(torch.from_numpy(cut_centre(marker, crop_px)), view).numpy()[0] for view in range(VIEWS)]
    for view, shown in enumerate(views):
        if not np.array_equal(cut_centre(turn(torch.from_numpy(marker), view).numpy()[0], crop_px), shown):
            raise _NotKept("a margin of odd width moves the centre when a patch is turned")
    return Turns(Augment(transforms, crop_px), marker[0], views)


def _read_first(store: PatchStore) -> torch.Tensor:
    rows = np.arange(min(3, len(store.table)))
    return torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
