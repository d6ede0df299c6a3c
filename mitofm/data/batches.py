"""Batches of patches as tensors. Lightning is not imported: a spawned loader process imports this file alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mitofm.data.augment import Augment, cut_centre
from mitofm.data.mixing import Mix
from mitofm.data.order import Draw
from mitofm.data.patches import PatchStore
from mitofm.ground.seeds import derive

Batch = tuple[Tensor, Tensor]  # uint8 (B, crop_px, crop_px, 3), labels float (B,)
TrainingBatch = tuple[Tensor, Tensor, Tensor]  # and loss weights float (B,)


@dataclass(eq=False)
class TrainingPatches(Dataset[TrainingBatch]):
    """Batches of augmented, perhaps mixed training patches; a batch is read from the store in one go.

    Args:
        rows: in the store, of the n training samples.
        weights: of the samples in the loss: float32 (n,).
        augment: applied to each patch.
        mix: applied to each batch.
        shard: which of how many devices that share each batch; its loss weights make the mean of their losses the batch's.
        targets: (n,) from 0 to 1, to train towards instead of the labels; None: the labels.
    """

    store: PatchStore
    rows: np.ndarray
    weights: np.ndarray
    augment: Augment
    mix: Mix
    shard: tuple[int, int] = (0, 1)
    targets: np.ndarray | None = None

    def __post_init__(self) -> None:
        labels = self.store.table["label"].to_numpy()[self.rows] if self.targets is None else self.targets
        self.labels = labels.astype(np.float32)

    def __getitems__(self, draws: list[Draw]) -> TrainingBatch:
        """The batch of these draws, or the shard of it."""
        whole, seed = len(draws), derive(draws[0][1], "mix")
        mine, sharers = slice(self.shard[0], None, self.shard[1]), self.shard[1]
        if not self.mix.on:
            draws = draws[mine]
        positions = [position for position, _ in draws]
        shown = self.show(self.rows[positions], [seed for _, seed in draws])
        mixed = self.mix(shown, self.labels[positions], self.weights[positions], seed)
        patches, labels, weights = (part[mine] for part in mixed) if self.mix.on else mixed
        weights = weights * np.float32(sharers * len(weights) / whole)
        return torch.from_numpy(patches), torch.from_numpy(labels), torch.from_numpy(weights)

    def show(self, rows: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """What is seen of these rows of the store, each augmented with its seed."""
        return np.stack([self.augment(patch, seed) for patch, seed in zip(self.store.read(rows), seeds, strict=True)])


@dataclass(eq=False)
class PlainPatches(Dataset[Batch]):
    """Patches as they are, for validation and prediction."""

    store: PatchStore
    rows: np.ndarray

    def __len__(self) -> int:
        """Number of patches."""
        return len(self.rows)

    def __getitems__(self, positions: list[int]) -> Batch:
        """The batch at these positions."""
        rows = self.rows[positions]
        return torch.from_numpy(self.show(rows)), torch.from_numpy(self.store.table["label"].to_numpy()[rows]).float()

    def show(self, rows: np.ndarray) -> np.ndarray:
        """What is seen of these rows of the store."""
        return np.ascontiguousarray(cut_centre(self.store.read(rows), self.store.crop_px))


def load_in_order(patches: PlainPatches, batch_size: int, **loading: Any) -> DataLoader:
    """Batches of `patches` in their order."""
    return DataLoader(patches, batch_size=batch_size, **{"collate_fn": pass_on, **loading})


def pass_on(batch: Batch | TrainingBatch) -> Batch | TrainingBatch:
    """The batch as it is: it is read as one."""
    return batch
