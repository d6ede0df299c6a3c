"""Train a gradient mode with Lightning, from wherever it was interrupted, and predict with the weights the protocol says."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import math
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, TQDMProgressBar
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled
from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.build import build
from mitofm.data.augment import Augment
from mitofm.data.balance import groups, weights
from mitofm.data.mixing import Mix
from mitofm.data.module import CellData, PlainPatches, TrainingPatches
from mitofm.data.order import batches_per_pass
from mitofm.errors import MitofmError
from mitofm.training import memory
from mitofm.training.callbacks import BestWeights, MovingAverage, SaveToResume, load_tensors, save_tensors
from mitofm.training.cell import Cell, Outcome
from mitofm.training.copies import Copies
from mitofm.training.frozen import features_of
from mitofm.training.loss import Loss
from mitofm.training.module import Budget, CellModule
from mitofm.training.predict import predict

_log = logging.getLogger(__name__)

BALANCED = {"label": "class_weight", "domain": "domain_weight"}
"""Columns that the loss may balance, and the settings of `fit` that say so."""


def fit_gradient(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Train `adaptation` on the cell's training side and give the logits of its validation and test sides.

    Where a GPU's memory does not hold a batch, it goes through the classifier in pieces: the same steps, only slower.
    """
    pieces = cell.trainer["accumulate"]
    while (outcome := _fit(cell, adaptation, copies, pieces)) is None:
        pieces *= 2
        _log.warning("out of GPU memory: each batch now passes in %d pieces (trainer.accumulate)", pieces)
        torch.cuda.empty_cache()
    return outcome


def _fit(cell: Cell, adaptation: GradientAdaptation, copies: Copies, pieces: int) -> Outcome | None:
    """As `fit_gradient`; None where memory is too short and smaller pieces are left."""
    backbone = build(adaptation.built_from(cell.spec), cell.weights, cell.seed)
    if cell.trainer["gradient_checkpointing"]:
        memory.checkpoint_blocks(backbone)
    classifier = adaptation.module(backbone, cell.seed)
    memory.refuse_split_batches(cell, adaptation, classifier, pieces)
    trained = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    started_from = adaptation.warm_start(classifier, partial(_fitted, cell))
    data, budget = _data(cell), plan(len(cell.rows("train")), cell.fit)
    loss = Loss(cell.fit["focal_gamma"], cell.fit["label_smoothing"])
    module = CellModule(classifier, adaptation, budget, loss, cell.seed, pieces)
    best = BestWeights(cell.folder / "checkpoint" / "best.safetensors")
    average = MovingAverage(adaptation.ema) if adaptation.ema else None
    resume = cell.folder / "checkpoint" / "resume.ckpt"

    trainer = _trainer(cell, budget, best, average, resume, copies)
    try:
        with warnings.catch_warnings():
            # The order of batches is a function of the step: this loader resumes without a state of its own.
            warnings.filterwarnings(
                "ignore",
                message=".*(does not have many workers|LeafSpec|your dataloader is not resumable|in eval mode at the start).*",
            )
            trainer.fit(module, data, ckpt_path=resume if resume.is_file() else None, weights_only=True)
    except torch.cuda.OutOfMemoryError as error:
        if 2 * pieces > cell.fit["batch_size"] or memory.batch_norms_train(adaptation, classifier):
            raise MitofmError(
                f"out of GPU memory with adaptation {adaptation.name!r} of backbone {cell.spec.name!r}, "
                f"fit.batch_size={cell.fit['batch_size']} in {pieces} pieces: take trainer.gradient_checkpointing=true, "
                "a smaller fit.batch_size, fit.precision=bf16 or a larger GPU"
            ) from error
        return None
    if trainer.interrupted:
        raise KeyboardInterrupt

    if cell.validation_decides:
        adaptation.load(classifier, load_tensors(best.file))
    elif average:
        average.swap(module)
    save_tensors(cell.folder / "checkpoint" / "trained.safetensors", adaptation.state(classifier))
    best.file.unlink(missing_ok=True)
    return Outcome(
        validation_logits=predict(cell, classifier, cell.rows("validation")),
        test_logits=predict(cell, classifier, cell.rows("test")),
        trained_parameters=sum(parameter.numel() for parameter in trained),
        samples_seen=trainer.global_step
        * len(cell.rows("train"))
        // batches_per_pass(len(cell.rows("train")), cell.fit["batch_size"]),
        pieces=pieces,
        notes={
            **started_from,
            "steps": trainer.global_step,
            "checkpoint": {"rule": "validation", "step": best.step, "auroc": best.auroc}
            if cell.validation_decides
            else {"rule": "last", "step": trainer.global_step},
        },
    )


def _fitted(cell: Cell, adaptation: FrozenAdaptation) -> Any:
    """A frozen mode fitted to the training side of a cell, and chosen as the cell chooses."""
    table = cell.store.table
    cells = Labelled(features_of(cell, adaptation), table["label"].to_numpy(), table["slide"].to_numpy())
    with threadpool_limits(cell.trainer["threads"]):
        return adaptation.fit(
            cells.part(cell.rows("train")),
            cells.part(cell.rows("validation")) if cell.validation_decides else None,
            balanced=cell.balanced,
            seed=cell.seed,
            device=cell.device.type,
        )


def plan(n: int, fit: dict[str, Any]) -> Budget:
    """The budget for `n` training cells: passes as asked, within the least and the most steps; or just those steps."""
    per_pass = batches_per_pass(n, fit["batch_size"])
    steps = max(per_pass * fit["max_epochs"], fit["min_steps"])
    if fit["max_steps"] is not None:
        steps = fit["max_steps"] if fit["budget"] == "steps" else min(steps, fit["max_steps"])
    # Never more often than once a pass: the validation side has cost as many labels as a check takes forward passes.
    return Budget(steps, max(per_pass, math.ceil(steps / fit["checks"])), math.ceil(steps * fit["warmup"]))


def _data(cell: Cell) -> CellData:
    fit, rows = cell.fit, cell.rows("train")
    cells = cell.store.table.iloc[rows]
    drawn = groups(cells, fit["sampler"])
    balanced = [column for column, setting in BALANCED.items() if fit[setting] == "balanced"]
    checked = cell.rows("validation") if cell.validation_decides else np.empty(0, dtype=int)
    return CellData(
        TrainingPatches(
            cell.store,
            rows,
            weights(cells, drawn, balanced),
            Augment(cell.config["augment"]["transforms"], cell.store.crop_px),
            Mix(fit["mixup"], fit["cutmix"]),
        ),
        PlainPatches(cell.store, checked),
        drawn,
        batch_size=fit["batch_size"],
        steps=plan(len(rows), fit).steps,
        seed=cell.seed,
        workers=cell.trainer["workers"],
        pin=cell.device.type == "cuda",
    )


def _trainer(
    cell: Cell, budget: Budget, best: BestWeights, average: MovingAverage | None, resume: Any, copies: Copies
) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices and limits are in the cell's own files
    callbacks: list[pl.Callback] = []
    if cell.validation_decides:
        patience = cell.fit["patience"]
        callbacks += [best, EarlyStopping("validation/auroc", mode="max", patience=patience, check_finite=False)]
    if average:
        callbacks.append(average)  # after those that look at what a check has seen
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
