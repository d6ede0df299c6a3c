"""Train a gradient mode with Lightning, from wherever it was interrupted, and predict with the weights the protocol says."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import math
import warnings
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, TQDMProgressBar

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import build
from mitofm.data.augment import Augment
from mitofm.data.module import CellData, PlainPatches, prediction_loader
from mitofm.data.order import batches_per_pass
from mitofm.training.callbacks import BestWeights, SaveToResume, load_tensors, save_tensors
from mitofm.training.cell import Cell, Outcome
from mitofm.training.copies import Copies
from mitofm.training.module import Budget, CellModule


def fit_gradient(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Train `adaptation` on the cell's training side and give the logits of its validation and test sides."""
    classifier = adaptation.module(build(cell.spec, cell.weights, cell.seed), cell.seed)
    trained = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    budget = plan(len(cell.rows("train")), cell.fit)
    module = CellModule(classifier, adaptation, budget, _class_weights(cell), cell.seed)
    best = BestWeights(cell.folder / "checkpoint" / "best.safetensors")
    resume = cell.folder / "checkpoint" / "resume.ckpt"

    trainer = _trainer(cell, budget, best, resume, copies)
    with warnings.catch_warnings():
        # The order of batches is a function of the step: this loader resumes without a state of its own.
        warnings.filterwarnings(
            "ignore", message=".*(does not have many workers|LeafSpec|your dataloader is not resumable).*"
        )
        trainer.fit(module, _data(cell, budget), ckpt_path=resume if resume.is_file() else None, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt

    if cell.validation_decides:
        adaptation.load(classifier, load_tensors(best.file))
    save_tensors(cell.folder / "checkpoint" / "trained.safetensors", adaptation.state(classifier))
    best.file.unlink(missing_ok=True)
    return Outcome(
        validation_logits=predict(cell, classifier, cell.rows("validation")),
        test_logits=predict(cell, classifier, cell.rows("test")),
        trained_parameters=sum(parameter.numel() for parameter in trained),
        samples_seen=trainer.global_step
        * len(cell.rows("train"))
        // batches_per_pass(len(cell.rows("train")), cell.fit["batch_size"]),
        notes={
            "steps": trainer.global_step,
            "checkpoint": {"rule": "validation", "step": best.step, "auroc": best.auroc}
            if cell.validation_decides
            else {"rule": "last", "step": trainer.global_step},
        },
    )


def plan(n: int, fit: dict[str, Any]) -> Budget:
    """The budget for `n` training cells: passes as asked, within the least and the most steps."""
    per_pass = batches_per_pass(n, fit["batch_size"])
    steps = max(per_pass * fit["max_epochs"], fit["min_steps"])
    if fit["max_steps"] is not None:
        steps = min(steps, fit["max_steps"])
    # Never more often than once a pass: the validation side has cost as many labels as a check takes forward passes.
    return Budget(steps, max(per_pass, math.ceil(steps / fit["checks"])), math.ceil(steps * fit["warmup"]))


def predict(cell: Cell, classifier: Classifier, rows: np.ndarray) -> np.ndarray:
    """Logits of these rows of the store, unaugmented: float64 (n,)."""
    loader = prediction_loader(PlainPatches(cell.store, rows), cell.fit["batch_size"] * 4)
    classifier = classifier.to(cell.device).eval()
    logits = []
    with torch.inference_mode():
        for patches, _ in loader:
            with torch.autocast(cell.device.type, dtype=cell.autocast, enabled=cell.autocast != torch.float32):
                logits.append(classifier(patches.to(cell.device, non_blocking=True)).double().cpu().numpy())
    return np.concatenate(logits) if logits else np.empty(0)


def _class_weights(cell: Cell) -> tuple[float, float]:
    labels = cell.store.table["label"].to_numpy()[cell.rows("train")]
    positives = int(labels.sum())
    if not cell.balanced:
        return 1.0, 1.0
    return len(labels) / (2 * (len(labels) - positives)), len(labels) / (2 * positives)


def _data(cell: Cell, budget: Budget) -> CellData:
    return CellData(
        cell.store,
        cell.rows("train"),
        cell.rows("validation") if cell.validation_decides else np.empty(0, dtype=int),
        Augment(cell.config["augment"]["transforms"], cell.store.crop_px),
        batch_size=cell.fit["batch_size"],
        steps=budget.steps,
        seed=cell.seed,
        workers=cell.trainer["workers"],
        pin=cell.device.type == "cuda",
    )


def _trainer(cell: Cell, budget: Budget, best: BestWeights, resume: Any, copies: Copies) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices and limits are in the cell's own files
    callbacks: list[pl.Callback] = []
    if cell.validation_decides:
        patience = cell.fit["patience"]
        callbacks += [best, EarlyStopping("validation/auroc", mode="max", patience=patience, check_finite=False)]
    if cell.trainer["progress"]:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    check_every = budget.check_every if cell.validation_decides else 0
    callbacks.append(SaveToResume(resume, cell.trainer["checkpoint_seconds"], check_every))
    return pl.Trainer(
        accelerator=cell.device.type,
        devices=cell.trainer["devices"],
        precision="bf16-mixed" if cell.autocast == torch.bfloat16 else "32-true",
        max_steps=budget.steps,
        max_epochs=-1,
        val_check_interval=budget.check_every if cell.validation_decides else None,
        check_val_every_n_epoch=None if cell.validation_decides else 1,
        limit_val_batches=None if cell.validation_decides else 0,
        num_sanity_val_steps=0,
        gradient_clip_val=cell.fit["gradient_clip"],
        deterministic="warn",
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=cell.trainer["progress"],
        logger=copies.lightning_logger(),
        log_every_n_steps=10,
        callbacks=callbacks,
        default_root_dir=cell.folder,
    )
