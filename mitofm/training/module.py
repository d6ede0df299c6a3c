"""The LightningModule of every gradient mode: loss, optimiser, schedule, validation AUROC. The adaptation says what is trained."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.prefix import Suffix
from mitofm.data.batches import Batch, TrainingBatch
from mitofm.ground.errors import Diverged
from mitofm.ground.seeds import derive
from mitofm.training.budget import Budget, schedule_lr
from mitofm.training.loss import Loss
from mitofm.training.validation_auroc import ValidationAUROC

LOSS = "train/loss"
"""The name of the loss in learning curves."""


class CellModule(pl.LightningModule):
    """Trains one classifier.

    Args:
        pieces: into how many pieces a batch is cut to save memory. They pass through the classifier one after the other,
            and once more for their gradient.
        suffix: the part of the backbone that batches pass through if they are not of patches but of the tokens before it.
    """

    def __init__(
        self,
        classifier: Classifier,
        adaptation: GradientAdaptation,
        budget: Budget,
        loss: Loss,
        seed: int,
        pieces: int = 1,
        suffix: Suffix | None = None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.adaptation = adaptation
        self.budget = budget
        self.seed = seed
        self.loss = loss
        self.pieces = pieces
        self.suffix = suffix
        self.validation_auroc = ValidationAUROC()
        self.strict_loading = False  # the adaptation loads, and checks strictly

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the frozen weights out of the resume file: they do not change."""
        checkpoint["state_dict"] = self.adaptation.state(self.classifier)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load the trained weights."""
        self.adaptation.load(self.classifier, checkpoint.pop("state_dict"))
        checkpoint["state_dict"] = {}

    def on_train_start(self) -> None:
        """Put each part into its training mode; Lightning restores it after a check."""
        self.adaptation.set_train_mode(self.classifier)

    def on_train_batch_start(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Seed dropout by (seed, step): a resumed run draws what an uninterrupted one draws."""
        rank = (self.global_rank,) if self.global_rank else ()
        seed = derive(self.seed, "dropout", self.global_step, *rank)
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # torch.manual_seed takes 0.5 ms more, for GPUs
        else:
            torch.manual_seed(seed)

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        patches, labels, weights = batch
        loss = self.loss(self.compute_logits(patches).float(), labels, weights)
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss is {loss.item()} at step {self.global_step} of {self.adaptation.name!r}: lower adaptation.lr "
                f"(now {self.adaptation.lr}) or set fit.gradient_clip"
            )
        self.log(LOSS, loss, prog_bar=True, sync_dist=True)
        return loss

    def compute_logits(self, patches: Tensor) -> Tensor:
        """Log-odds of a training batch, piece by piece: uint8 (B, H, W, 3), or tokens (B, T, D), -> (B,)."""
        if self.pieces == 1:
            return self._classify(patches)
        return torch.cat([checkpoint(self._classify, part, use_reentrant=False) for part in patches.chunk(self.pieces)])

    def _classify(self, batch: Tensor) -> Tensor:
        return self.classifier.classify(self.suffix(batch)) if self.suffix else self.classifier(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect logits of one validation batch."""
        patches, labels = batch
        self.validation_auroc.update(self._classify(patches), labels)

    def on_validation_epoch_end(self) -> None:
        """Log the AUROC of the validation samples."""
        self.log("validation/auroc", self.validation_auroc.compute(), prog_bar=True)
        self.validation_auroc.reset()

    def configure_optimizers(self) -> Any:
        """AdamW, at the rates of the budget."""
        optimiser: Any = torch.optim.AdamW(self.adaptation.parameter_groups(self.classifier), fused=True)
        optimiser._step_supports_amp_scaling = False  # no scaler is used, and Lightning would not clip gradients
        return schedule_lr(optimiser, self.budget.steps, self.budget.warmup, self.budget.cooldown)
