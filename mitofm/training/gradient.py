"""Train a gradient mode with Lightning, from wherever it was interrupted, and predict with the weights the protocol says."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import gc
import logging
import math
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.loggers.logger import Logger
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled
from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import build
from mitofm.data.annotations import units
from mitofm.data.augment import Augment
from mitofm.data.balance import group_samples, weigh_samples
from mitofm.data.batches import PlainPatches, TrainingPatches
from mitofm.data.mixing import Mix
from mitofm.data.module import CellData
from mitofm.data.order import batches_per_pass
from mitofm.ground.errors import MitofmError
from mitofm.ground.tensors import load_tensors, save_tensors
from mitofm.training import memory
from mitofm.training.callbacks import BestWeights, MovingAverage, Patience, SaveToResume
from mitofm.training.cell import Cell, Outcome
from mitofm.training.copies import Copies
from mitofm.training.environment import peak_memory_mb
from mitofm.training.frozen import features_of
from mitofm.training.loss import Loss
from mitofm.training.module import Budget, CellModule
from mitofm.training.predict import predict
from mitofm.training.ranks import together
from mitofm.training.settings import Fit

_log = logging.getLogger(__name__)

TRAINED = Path("checkpoint") / "trained.safetensors"
"""Where in a cell's folder its trained weights are."""

_BEST, _RESUME = (Path("checkpoint") / name for name in ("best.safetensors", "resume.ckpt"))

BALANCED = {"label": "class_weight", "domain": "domain_weight"}
"""Columns that the loss may balance, and the settings of `fit` that say so."""


@dataclass(frozen=True)
class Trained:
    """What training leaves, beside the weights in the cell's folder.

    Attributes:
        classifier: with these weights; None where another process has it.
        parameters: how many numbers were trained.
        steps: that were taken.
        peak_memory_mb: of the process, MiB.
        pieces: in how many a batch passed through the classifier.
        earlier_seconds: of sessions that were interrupted.
        notes: what was chosen on the way.
    """

    classifier: Classifier | None
    parameters: int
    steps: int
    peak_memory_mb: float
    pieces: int
    earlier_seconds: float
    notes: dict[str, Any]


def fit_gradient(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Train `adaptation` on the cell's training side and give the logits of its validation and test sides."""
    return outcome(cell, adaptation, fitted(cell, adaptation, copies))


def fitted(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Trained:
    """Train on as many devices as are asked for.

    Where a GPU's memory does not hold a batch, it goes through the classifier in pieces: the same steps, only slower.
    """
    memory.refuse_idle_devices(cell)
    pieces, devices = cell.trainer.accumulate, cell.trainer.devices
    while True:
        if devices > 1:
            trained = together(devices, partial(_ranked, cell, adaptation, pieces), copies)
        else:
            trained = train(cell, adaptation, pieces, copies.lightning_logger())
        if trained is not None:
            return trained
        pieces *= 2
        _log.warning(
            "out of GPU memory: each batch now passes in %d pieces (trainer.accumulate); dropout is drawn per piece",
            pieces,
        )
        gc.collect()  # trainer and module hold each other, and the old weights
        torch.cuda.empty_cache()


def outcome(cell: Cell, adaptation: GradientAdaptation, trained: Trained) -> Outcome:
    """The logits of a cell whose trained weights are in its folder."""
    classifier = with_weights(cell, adaptation, trained)
    return Outcome(
        validation_logits=predict(cell, classifier, cell.rows("validation")),
        test_logits=predict(cell, classifier, cell.rows("test")),
        trained_parameters=trained.parameters,
        samples_seen=cell.samples_in(trained.steps),
        pieces=trained.pieces,
        earlier_seconds=trained.earlier_seconds,
        peak_memory_mb=trained.peak_memory_mb,
        notes=trained.notes,
    )


def with_weights(cell: Cell, adaptation: GradientAdaptation, trained: Trained) -> Classifier:
    """The trained classifier, from the cell's folder where another process has it."""
    if trained.classifier is not None:
        return trained.classifier
    classifier = adaptation.adapt(build(adaptation.adapt_spec(cell.spec), cell.weights, cell.seed), cell.seed)
    adaptation.load(classifier, load_tensors(cell.folder / TRAINED))
    return classifier


def forget(folder: Path) -> None:
    """Delete what training goes on from; not before what it was for is written: it may be killed until then."""
    for file in (_RESUME, _BEST):
        (folder / file).unlink(missing_ok=True)


def _ranked(cell: Cell, adaptation: GradientAdaptation, pieces: int, rank: int, logger: Logger) -> Trained | None:
    """As `train`, by one of several processes."""
    torch.set_num_threads(cell.trainer.threads)
    if cell.device.type == "cuda":
        torch.cuda.set_device(rank)
    trained = train(cell, adaptation, pieces, logger, rank)
    return trained and replace(trained, classifier=None)


def train(cell: Cell, adaptation: GradientAdaptation, pieces: int, logger: Logger, rank: int = 0) -> Trained | None:
    """Train, and write what was trained; None where GPU memory is too short and smaller pieces are left.

    Args:
        cell: the cell.
        adaptation: of its config.
        pieces: in how many a batch passes through the classifier.
        logger: of the learning curves.
        rank: of this process among those of `trainer.devices`.
    """
    backbone = build(adaptation.adapt_spec(cell.spec), cell.weights, cell.seed)
    if cell.trainer.gradient_checkpointing:
        memory.checkpoint_blocks(backbone)
    classifier = adaptation.adapt(backbone, cell.seed)
    memory.refuse_split_batches(cell, adaptation, classifier, pieces)
    parameters = sum(parameter.numel() for parameter in classifier.parameters() if parameter.requires_grad)
    started_from = adaptation.warm_start(classifier, partial(_frozen, cell))
    data, budget = _data(cell, rank), plan(len(cell.rows("train")), cell.fit)
    loss = Loss(cell.fit.focal_gamma, cell.fit.label_smoothing)
    module = CellModule(classifier, adaptation, budget, loss, cell.seed, pieces)
    best = BestWeights(cell.folder / _BEST)
    average = MovingAverage(adaptation.ema) if adaptation.ema else None
    check_every = budget.check_every if cell.validation_decides else 0
    saved = SaveToResume(cell.folder / _RESUME, cell.trainer.checkpoint_seconds, check_every)
    resume = saved.file if saved.file.is_file() else None

    callbacks: list[pl.Callback] = [best, Patience(cell.fit.patience)] if cell.validation_decides else []
    callbacks += [average] if average else []  # after those that look at what a check has seen
    callbacks += [TQDMProgressBar(refresh_rate=10)] if cell.trainer.progress else []

    trainer = _trainer(cell, budget, [*callbacks, saved], logger)
    try:
        with warnings.catch_warnings():
            # The order of batches is a function of the step: this loader resumes without a state of its own.
            warnings.filterwarnings(
                "ignore",
                message=".*(does not have many workers|LeafSpec|your dataloader is not resumable|in eval mode at the start|`srun`).*",
            )
            trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    except torch.cuda.OutOfMemoryError as error:
        if 2 * pieces > cell.fit.batch_size or memory.batch_norms_train(adaptation, classifier):
            raise MitofmError(
                f"out of GPU memory with adaptation {adaptation.name!r} of backbone {cell.spec.name!r}, "
                f"fit.batch_size={cell.fit.batch_size} in {pieces} pieces: take trainer.gradient_checkpointing=true, "
                "a smaller fit.batch_size, fit.precision=bf16 or a larger GPU"
            ) from error
        return None
    if trainer.interrupted:
        raise KeyboardInterrupt

    if rank == 0:
        if cell.validation_decides:
            adaptation.load(classifier, load_tensors(best.file))
        elif average:
            average.swap(module)
        save_tensors(cell.folder / TRAINED, adaptation.state(classifier))
    chosen = {"rule": "last", "step": trainer.global_step}
    if cell.validation_decides:
        chosen = {"rule": "validation", "step": best.step, "auroc": best.auroc}
    return Trained(
        classifier,
        parameters,
        trainer.global_step,
        peak_memory_mb(cell.device),
        pieces,
        saved.earlier,
        {**started_from, "steps": trainer.global_step, "checkpoint": chosen},
    )


def _frozen(cell: Cell, adaptation: FrozenAdaptation) -> Any:
    """A frozen mode fitted to the training side of a cell, and chosen as the cell chooses."""
    table = cell.store.table
    features = features_of(cell, adaptation)
    cells = Labelled(features, table["label"].to_numpy(), units(table).to_numpy(), cell.shares)
    with threadpool_limits(cell.trainer.threads):
        return adaptation.fit(
            cells.select(cell.rows("train")),
            cells.select(cell.rows("validation")) if cell.validation_decides else None,
            balanced=cell.balanced,
            seed=cell.seed,
            device=cell.device.type,
        )


def plan(n: int, fit: Fit) -> Budget:
    """The budget for `n` training cells: passes as asked, within the least and the most steps; or just those steps."""
    per_pass = batches_per_pass(n, fit.batch_size)
    steps = max(per_pass * fit.max_epochs, fit.min_steps)
    if fit.max_steps is not None:
        steps = fit.max_steps if fit.budget == "steps" else min(steps, fit.max_steps)
    # Never more often than once a pass: the validation side has cost as many labels as a check takes forward passes.
    check_every = min(steps, max(per_pass, math.ceil(steps / fit.checks)))
    return Budget(steps, check_every, math.ceil(steps * fit.warmup))


def _data(cell: Cell, rank: int) -> CellData:
    fit, rows = cell.fit, cell.rows("train")
    cells = cell.store.table.iloc[rows]
    drawn = group_samples(cells, fit.sampler)
    balanced = [column for column, setting in BALANCED.items() if getattr(fit, setting) == "balanced"]
    devices = cell.trainer.devices
    checked = cell.rows("validation")[rank::devices] if cell.validation_decides else np.empty(0, dtype=int)
    return CellData(
        TrainingPatches(
            cell.store,
            rows,
            weigh_samples(cells, drawn, balanced),
            Augment(cell.settings.augment.transforms, cell.store.crop_px),
            Mix(fit.mixup, fit.cutmix),
            (rank, devices),
            None if cell.shares is None else cell.shares[rows],
        ),
        PlainPatches(cell.store, checked),
        drawn,
        batch_size=fit.batch_size,
        steps=plan(len(rows), fit).steps,
        seed=cell.seed,
        workers=cell.trainer.workers,
        pin=cell.device.type == "cuda",
    )


def _trainer(cell: Cell, budget: Budget, callbacks: list[pl.Callback], logger: Logger) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices and limits are in the cell's own files
    return pl.Trainer(
        accelerator=cell.device.type,
        devices=cell.trainer.devices,
        strategy="ddp" if cell.trainer.devices > 1 else "auto",
        plugins=LightningEnvironment(),  # also under Slurm, which starts one task per cell, and where there is an `srun`
        use_distributed_sampler=False,
        precision="bf16-mixed" if cell.autocast == torch.bfloat16 else "32-true",
        max_steps=budget.steps,
        max_epochs=-1,
        val_check_interval=budget.check_every if cell.validation_decides else None,
        check_val_every_n_epoch=None if cell.validation_decides else 1,
        limit_val_batches=None if cell.validation_decides else 0,
        num_sanity_val_steps=0,
        gradient_clip_val=cell.fit.gradient_clip,
        deterministic="warn",
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=cell.trainer.progress,
        logger=logger,
        log_every_n_steps=10,
        callbacks=callbacks,
        default_root_dir=cell.folder,
    )
