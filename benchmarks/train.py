"""What does mitofm add to a bare training step of PyTorch and peft? `make bench-train`

Both take turns in one process, step by step, on classifiers that are the same: ours through Lightning as a cell trains,
the bare one a loop over a batch that lies ready on the device. Ours is fed a batch that lies ready too, then patches read
from a store and augmented. Memory is that of two more processes, which differ in nothing but the loop: they are forked
from this one before it has begun anything, as imports take longer than their steps.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import argparse
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from clocks import read_clocks
from embed import random_store
from torch.nn import functional as F

from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.commands.composing import compose
from mitofm.data.splits.part import TRAIN, Split
from mitofm.runs.resolve import resolve
from mitofm.training.budget import make_budget
from mitofm.training.callbacks import SaveToResume
from mitofm.training.cell import Cell
from mitofm.training.copies import Copies
from mitofm.training.environment import measure_peak_memory
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.settings import Settings
from mitofm.training.train import load_batches, train_module

WARM_UP = 3


class Bare:
    """The loop one would write."""

    def __init__(self, cell: Cell, adaptation: Any, device: torch.device) -> None:
        self.adaptation, self.device, self.precision = adaptation, device, cell.autocast
        self.classifier = classifier_of(cell, adaptation).to(device)
        self.optimiser = torch.optim.AdamW(adaptation.parameter_groups(self.classifier))
        n = cell.fit.batch_size
        self.patches = torch.from_numpy(cell.store.read(np.arange(n))).to(device)
        self.labels = (torch.arange(n) % 2.0).to(device)
        adaptation.set_train_mode(self.classifier)

    def step(self) -> None:
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.classifier(self.patches)
        F.binary_cross_entropy_with_logits(logits.float(), self.labels).backward()
        torch.nn.utils.clip_grad_norm_(self.classifier.parameters(), 1.0)
        self.optimiser.step()


class TakingTurns(pl.Callback):
    """A bare step after each of ours."""

    def __init__(self, bare: Bare | None) -> None:
        self.bare = bare
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def on_train_start(self, *_: Any) -> None:
        self.ended = read_clocks()

    def on_train_batch_end(self, *_: Any) -> None:
        if self.bare is None:
            return
        start = read_clocks()
        self.bare.step()
        end = read_clocks()
        self.pairs.append((start - self.ended, end - start))
        self.ended = end


class Ready:
    """Training patches that are always the same batch."""

    def __init__(self, training: Any, n: int) -> None:
        self.batch = training.__getitems__([(row, row) for row in range(n)])

    def __getitems__(self, draws: Any) -> Any:
        return self.batch


def classifier_of(cell: Cell, adaptation: Any) -> Any:
    """The classifier of a cell."""
    return adaptation.adapt(build(adaptation.adapt_spec(cell.spec), cell.weights, 0), 0)


def cell_of(asked: argparse.Namespace, folder: Path, steps: int) -> Cell:
    """A cell of random patches, trained for so many steps."""
    typed = [f"backbone={asked.backbone}", "backbone.weights=random", f"backbone.img_size={asked.img_size}"]
    typed += [f"adaptation={asked.adaptation}", f"fit.batch_size={asked.batch}", f"fit.precision={asked.precision}"]
    typed += [f"augment={asked.augment}", "fit.budget=steps", f"fit.max_steps={steps}", "trainer.progress=false"]
    typed += [f"trainer.workers={asked.workers}", f"trainer.threads={asked.threads}", *asked.override]
    settings = Settings.read(resolve(compose("train", typed)))
    store = random_store(folder, 512, asked.crop_px)
    store.table["label"] = np.arange(512) % 2
    split = Split(store.table.assign(part=TRAIN, order=np.arange(512)), "made_up")
    return Cell(
        settings=settings,
        fit=settings.fit,
        trainer=settings.trainer,
        seed=settings.seed,
        store=store,
        spec=settings.backbone,
        weights=Weights(None, "random"),
        cache=folder,
        split=split,
        folder=folder,
        validation_decides=False,
    )


def ours(cell: Cell, adaptation: Any, bare: Bare | None, ready: bool) -> np.ndarray:
    """Train as `mitofm.training.train` does; seconds (steps, ours and bare, wall and CPU)."""
    budget = make_budget(512, cell.fit)
    module = CellModule(classifier_of(cell, adaptation), adaptation, budget, Loss(), 0)
    data = load_batches(cell, make_budget(512, cell.fit), 0)
    if ready:
        data.training = Ready(data.training, cell.fit.batch_size)
    turns = TakingTurns(bare)
    saved = SaveToResume(cell.folder / "resume.ckpt", cell.trainer.checkpoint_seconds, budget.check_every)
    train_module(cell, module, data, [turns], saved, Copies([]))
    return np.asarray(turns.pairs[WARM_UP:])


def report(what: str, taken: np.ndarray) -> None:
    """Print medians over pairs of steps; CPU time says more if others use the machine, and nothing of a GPU or workers."""
    for kind, seconds in zip(("wall", "CPU"), np.moveaxis(taken, 2, 0), strict=True):
        first, bare = 1000 * np.median(seconds, axis=0)
        low, ratio, high = np.quantile(seconds[:, 0] / seconds[:, 1], [0.25, 0.5, 0.75])
        print(
            f"{what:33} {kind:4} {first:7.1f} ms, bare {bare:7.1f} ms, ratio {ratio:.3f} (quartiles {low:.3f} to {high:.3f}), "
            f"{1 / ratio:.3f} of the bare rate",
            flush=True,
        )


def forget_peak() -> None:
    """Let Linux forget what imports and building took."""
    Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> float:
    """Peak memory in MiB since then: of the GPU's allocator, or of the process."""
    if device.type == "cuda":
        return measure_peak_memory(device)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10


def peak_of(asked: argparse.Namespace, which: str) -> float:
    """Peak memory in MiB of a few of our steps, or of as many bare ones."""
    steps = 8
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        cell = cell_of(asked, Path(name), steps)
        adaptation = cell.settings.adaptation
        load_batches(cell, make_budget(512, cell.fit), 0)  # imports what augments
        forget_peak()
        if which == "ours":
            ours(cell, adaptation, None, ready=False)
        else:
            bare = Bare(cell, adaptation, cell.device)
            for _ in range(steps):
                bare.step()
        return peak(cell.device)


def forked(work: Callable[..., float], *arguments: Any) -> float:
    """What `work` returns in a process of its own."""
    with get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="deit_tiny")
    parser.add_argument("--img-size", type=int, default=96)
    parser.add_argument("--crop-px", type=int, default=64)
    parser.add_argument("--adaptation", default="lora")
    parser.add_argument("--augment", default="paper")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--override", action="append", default=[], help="of mitofm train")
    asked = parser.parse_args()
    peaks = {which: forked(peak_of, asked, which) for which in ("ours", "bare")}
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        cell = cell_of(asked, Path(name), asked.steps)
        adaptation = cell.settings.adaptation
        device = torch.cuda.get_device_name() if cell.device.type == "cuda" else f"CPU, {asked.threads} threads"
        print(
            f"{asked.adaptation} on {asked.backbone} at {asked.img_size} px, batch {asked.batch}, {asked.precision}, {device}"
        )
        bare = Bare(cell, adaptation, cell.device)
        report("step, its batch ready", ours(cell, adaptation, bare, ready=True))
        workers = f"{asked.workers} workers"
        report(f"from the store, {asked.augment}, {workers}", ours(cell, adaptation, bare, ready=False))
    print(
        f"peak memory {peaks['ours']:.0f} MiB, bare {peaks['bare']:.0f} MiB: ratio {peaks['ours'] / peaks['bare']:.3f}"
        + ("" if torch.cuda.is_available() else " (whole processes, the same imports)")
    )


if __name__ == "__main__":
    main()
