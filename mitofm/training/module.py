"""The LightningModule of every gradient mode: loss, optimiser, schedule, validation AUROC. What is trained is the adaptation's."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import math
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.data.batches import Batch, TrainingBatch
from mitofm.ground.errors import Diverged
from mitofm.ground.seeds import derive
from mitofm.training.loss import Loss
from mitofm.training.validation_auroc import ValidationAUROC


@dataclass(frozen=True)
class Budget:
    """How long a gradient mode trains.

    Attributes:
        steps: optimiser steps of a full run.
        check_every: steps between two checks of the validation cells.
        warmup: steps over which the learning rate rises.
    """

    steps: int
    check_every: int
    warmup: int


class CellModule(pl.LightningModule):
    """Trains one classifier.

    Args:
        classifier: from the adaptation.
        adaptation: which knows what is trained.
        budget: steps and schedule.
        loss: of a batch.
        seed: of the cell.
        pieces: in how many a batch passes through the classifier, where memory is short: one after the other, and again
            when its gradient is taken.
    """

    def __init__(
        self,
        classifier: Classifier,
        adaptation: GradientAdaptation,
        budget: Budget,
        loss: Loss,
        seed: int,
        pieces: int = 1,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.adaptation = adaptation
        self.budget = budget
        self.seed = seed
        self.loss = loss
        self.pieces = pieces
        self.validation_auroc = ValidationAUROC()
        self.strict_loading = False  # the state below holds what is trained only; the adaptation checks it strictly

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the frozen weights out of what is saved to resume from: they are where they were."""
        checkpoint["state_dict"] = self.adaptation.state(self.classifier)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put back what was trained."""
        self.adaptation.load(self.classifier, checkpoint.pop("state_dict"))
        checkpoint["state_dict"] = {}

    def on_train_start(self) -> None:
        """Put each part into its mode; after a check Lightning puts it back there."""
        self.adaptation.set_train_mode(self.classifier)

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Dropout is a function of (seed, step): a resumed run draws what an uninterrupted one draws."""
        rank = (self.global_rank,) if self.global_rank else ()
        seed = derive(self.seed, "dropout", self.global_step, *rank)
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # torch.manual_seed takes 0.5 ms more, for GPUs
        else:
            torch.manual_seed(seed)

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        patches, labels, weights = batch
        loss = self.loss(self.logits(patches).float(), labels, weights)
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss is {loss.item()} at step {self.global_step} of {self.adaptation.name!r}: lower adaptation.lr "
                f"(now {self.adaptation.lr}) or set fit.gradient_clip"
            )
        self.log("train/loss", loss, prog_bar=True, sync_dist=True)
        return loss

    def logits(self, patches: Tensor) -> Tensor:
        """Log-odds of a training batch, in pieces where it is asked for: uint8 (B, H, W, 3) -> (B,)."""
        if self.pieces == 1:
            return self.classifier(patches)
        return torch.cat(
            [checkpoint(self.classifier, part, use_reentrant=False) for part in patches.chunk(self.pieces)]
        )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect logits of one validation batch."""
        patches, labels = batch
        self.validation_auroc.update(self.classifier(patches), labels)

    def on_validation_epoch_end(self) -> None:
        """Log the AUROC of the validation cells."""
        self.log("validation/auroc", self.validation_auroc.compute(), prog_bar=True)
        self.validation_auroc.reset()

    def configure_optimizers(self) -> Any:
        """AdamW; linear warm-up, then a cosine to zero."""
        optimiser = torch.optim.AdamW(self.adaptation.parameter_groups(self.classifier))
        warmup, steps = self.budget.warmup, self.budget.steps

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
