"""The LightningModule of every gradient mode: loss, optimiser, schedule, validation AUROC. What is trained is the adaptation's."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import math
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import BinaryAUROC

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.data.module import Batch
from mitofm.errors import MitofmError
from mitofm.seeds import derive


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
        class_weights: loss weights of labels 0 and 1.
        seed: of the cell.
    """

    def __init__(
        self,
        classifier: Classifier,
        adaptation: GradientAdaptation,
        budget: Budget,
        class_weights: tuple[float, float],
        seed: int,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.adaptation = adaptation
        self.budget = budget
        self.seed = seed
        self.register_buffer("class_weights", torch.tensor(class_weights), persistent=False)
        self.validation_auroc = BinaryAUROC()
        self.strict_loading = False  # the state below holds what is trained only; the adaptation checks it strictly

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the frozen weights out of what is saved to resume from: they are where they were."""
        checkpoint["state_dict"] = self.adaptation.state(self.classifier)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put back what was trained."""
        self.adaptation.load(self.classifier, checkpoint.pop("state_dict"))
        checkpoint["state_dict"] = {}

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Dropout is a function of (seed, step): a resumed run draws what an uninterrupted one draws."""
        self.adaptation.set_train_mode(self.classifier)
        torch.manual_seed(derive(self.seed, "dropout", self.global_step))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Class-weighted binary cross-entropy of one batch."""
        patches, labels = batch
        weights = self.class_weights[labels.long()]  # type: ignore[index]
        loss = F.binary_cross_entropy_with_logits(self.classifier(patches).float(), labels, weight=weights)
        if not torch.isfinite(loss):
            raise MitofmError(
                f"the loss is {loss.item()} at step {self.global_step} of {self.adaptation.name!r}: lower adaptation.lr "
                f"(now {self.adaptation.lr}) or set fit.gradient_clip"
            )
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect logits of one validation batch."""
        patches, labels = batch
        self.validation_auroc.update(self.classifier(patches).float(), labels.long())

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
