"""The LightningDataModule of one cell. It is given patches, rows and an augmentation; it knows no backbone."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from mitofm.data.balance import Groups
from mitofm.data.batches import Batch, PlainPatches, TrainingBatch, TrainingPatches, load_in_order, pass_on
from mitofm.data.order import StepOrder


class CellData(pl.LightningDataModule):
    """Training and validation batches of one cell.

    Args:
        validation: the samples to check.
        groups: of training samples that are drawn equally often.
        workers: loader processes.
        pin: whether batches go to a GPU.
    """

    def __init__(
        self,
        training: TrainingPatches,
        validation: PlainPatches,
        groups: Groups,
        *,
        batch_size: int,
        steps: int,
        seed: int,
        workers: int,
        pin: bool,
    ) -> None:
        super().__init__()
        self.training = training
        self.validation = validation
        self.batch_size = batch_size
        self.order = StepOrder(len(training.rows), batch_size, steps, seed, groups=groups)
        self._loading: dict[str, Any] = {"num_workers": workers, "pin_memory": pin, "collate_fn": pass_on}

    def train_dataloader(self) -> DataLoader[TrainingBatch]:
        """The steps that are still to do."""
        if self.trainer is not None:
            self.order.start = self.trainer.global_step
        return DataLoader(self.training, batch_sampler=self.order, **self._loading)

    def val_dataloader(self) -> DataLoader[Batch] | list:
        """The validation samples, or nothing."""
        if not len(self.validation):
            return []
        return load_in_order(self.validation, self.batch_size * 4, **self._loading)
