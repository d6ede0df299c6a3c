"""One process trains one cell with Lightning, from its start or from where an interruption left it."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import pytorch_lightning as pl
import torch
from threadpoolctl import threadpool_limits

from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.build import build
from mitofm.data.augment import Augment
from mitofm.data.balance import group_samples, weigh_samples
from mitofm.data.batches import PlainPatches, TrainingPatches
from mitofm.data.mixing import Mix
from mitofm.data.module import CellData
from mitofm.data.turned import PlainFeatures, TrainingFeatures
from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.tensors import load_tensors, save_tensors
from mitofm.training import memory
from mitofm.training.branches import KeepBranch
from mitofm.training.budget import Budget, make_budget
from mitofm.training.callbacks import BestWeights, MovingAverage, Patience, SaveToResume
from mitofm.training.cell import Cell, Trained
from mitofm.training.checkpoint import BEST, RESUME, TRAINED
from mitofm.training.copies.learning_curves import CheckCurve, LossCurve
from mitofm.training.copies.metric_copies import Copies
from mitofm.training.environment import measure_peak_memory
from mitofm.training.frozen import compute_features, fit_head
from mitofm.training.loop import run_loop
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.prefix import KeptPrefix, open_prefix


def train(cell: Cell, adaptation: GradientAdaptation, pieces: int, rank: int, copies: Copies) -> Trained | None:
    """Train, and write the trained weights into the cell's folder.

    Args:
        pieces: into how many pieces a batch is cut for the classifier.
        rank: of this process among the `trainer.devices` that train this cell.

    Returns:
        None if the GPU's memory is too small for pieces of this size, and smaller ones are possible.

    Raises:
        MitofmError: the GPU's memory is too small for any pieces, or a setting would change batch norms.
        Diverged: the loss is not finite.
    """
    torch.set_num_threads(cell.trainer.threads)
    below.close(cell.settings.paths.runs)  # in the process of a rank, too
    if cell.device.type == "cuda":
        torch.cuda.set_device(rank)
    backbone = build(adaptation.adapt_spec(cell.spec), cell.weights, cell.seed)
    if cell.trainer.gradient_checkpointing:
        memory.checkpoint_blocks(backbone)
    classifier = adaptation.adapt(backbone, cell.seed)
    memory.refuse_split_batches(cell, adaptation, classifier, pieces)
    with threadpool_limits(cell.trainer.threads):
        notes = adaptation.warm_start(classifier, lambda probe: fit_head(cell, probe, compute_features(cell, probe)))
    budget = make_budget(len(cell.rows("train")), cell.fit)
    loss = Loss(cell.fit.focal_gamma, cell.fit.label_smoothing)
    prefix = open_prefix(cell, adaptation, classifier, budget)
    module = CellModule(classifier, adaptation, budget, loss, cell.seed, pieces, prefix.suffix if prefix else None)
    best = BestWeights(cell.folder / BEST)
    average = MovingAverage(adaptation.ema) if adaptation.ema else None
    decides = cell.validation_decides and budget.cooldown is None
    check_every = budget.check_every if decides else 0
    save = SaveToResume(cell.folder / RESUME, cell.trainer.checkpoint_seconds, check_every)
    callbacks: list[pl.Callback] = [best, Patience(cell.fit.patience)] if decides else []
    callbacks += [average] if average else []  # after those that look at the weights that a check has seen
    if budget.cooldown is not None:
        callbacks += [KeepBranch(cell, budget, pieces)]
    try:
        trainer = train_module(cell, module, load_batches(cell, budget, rank, prefix), callbacks, save, copies)
    except torch.cuda.OutOfMemoryError as error:
        if 2 * pieces > cell.fit.batch_size or memory.batch_norms_train(adaptation, classifier):
            raise MitofmError(
                f"out of GPU memory with adaptation {adaptation.name!r} of backbone {cell.spec.name!r}, "
                f"fit.batch_size={cell.fit.batch_size} in {pieces} pieces: take trainer.gradient_checkpointing=true, "
                "a smaller fit.batch_size, fit.precision=bf16 or a larger GPU"
            ) from error
        return None
    if rank == 0:
        if decides:
            adaptation.load(classifier, load_tensors(best.file))
        elif average:
            average.swap(trainer, module)
        save_tensors(cell.folder / TRAINED, adaptation.state(classifier))
    chosen = {"rule": "last", "step": trainer.global_step}
    if decides:
        chosen = {"rule": "validation", "step": best.step, "auroc": best.auroc}
    return Trained(
        parameters=sum(parameter.numel() for parameter in classifier.parameters() if parameter.requires_grad),
        steps=trainer.global_step,
        peak_memory_mb=measure_peak_memory(cell.device),
        pieces=pieces,
        earlier_seconds=save.earlier,
        notes={**notes, "steps": trainer.global_step, "checkpoint": chosen},
        classifier=classifier if cell.trainer.devices == 1 else None,
    )


def train_module(
    cell: Cell,
    module: CellModule,
    data: CellData,
    callbacks: list[pl.Callback],
    save: SaveToResume,
    copies: Copies,
) -> pl.Trainer:
    """Run Lightning's loop over `module` as the cell's settings ask for; see `run_loop`."""
    checks: dict[str, Any] = {"limit_val_batches": 0}
    if cell.validation_decides and module.budget.cooldown is None:
        checks = {"val_check_interval": module.budget.check_every, "check_val_every_n_epoch": None}
    return run_loop(
        module,
        data,
        [LossCurve(copies), *callbacks],
        save,
        steps=module.budget.steps,
        precision=cell.fit.precision,
        progress=cell.trainer.progress,
        accelerator=cell.device.type,
        devices=cell.trainer.devices,
        strategy="ddp" if cell.trainer.devices > 1 else "auto",
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        gradient_clip_val=cell.fit.gradient_clip,
        deterministic="warn",
        logger=CheckCurve(copies),
        log_every_n_steps=0,
        **checks,
    )


def load_batches(cell: Cell, budget: Budget, rank: int, prefix: KeptPrefix | None = None) -> CellData:
    """The share of this rank in the cell's training batches and validation samples: patches, or the tokens of a kept `prefix`."""
    fit, rows, devices = cell.fit, cell.rows("train"), cell.trainer.devices
    samples = cell.store.table.iloc[rows]
    groups = group_samples(samples, fit.sampler)
    training: dict[str, Any] = {
        "store": cell.store,
        "rows": rows,
        "weights": weigh_samples(samples, groups, fit.balanced),
        "augment": Augment(cell.settings.augment.transforms, cell.store.crop_px),
        "mix": Mix(fit.mixup, fit.cutmix),
        "shard": (rank, devices),
        "targets": None if cell.shares is None else cell.shares[rows],
    }
    validation: dict[str, Any] = {"store": cell.store, "rows": cell.rows("validation")[rank::devices]}
    return CellData(
        TrainingFeatures(**training, features=prefix.features, turns=prefix.turns)
        if prefix
        else TrainingPatches(**training),
        PlainFeatures(**validation, features=prefix.features) if prefix else PlainPatches(**validation),
        groups,
        batch_size=fit.batch_size,
        steps=budget.steps,
        seed=cell.seed,
        workers=cell.trainer.workers,
        pin=cell.device.type == "cuda",
    )
