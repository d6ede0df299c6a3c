"""What does a training step of ours cost beside those that one would write without mitofm? `make bench-train`

Three rivals take turns with ours in one process, step by step, each a loop over a batch that lies ready on the device: the
same classifier (what Lightning and the rest of a cell add), plain PyTorch with timm and peft, and full fine-tuning of the
same trunk. Ours runs through Lightning as a cell trains; it is fed a batch that lies ready too, then patches read from a
store and augmented. Bytes kept for the backward pass are counted by autograd's hooks: storages, each once, but for those of
parameters. Peak memory is that of two more processes, which differ in nothing but the loop: they are forked from this one
before it has begun anything, as imports take longer than their steps.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import argparse
import tempfile
from collections.abc import Callable
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytorch_lightning as pl
import torch
from clocks import read_clocks
from embed import random_store
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn import functional as F

from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose
from mitofm.data.splits.part import TRAIN, Split
from mitofm.runs.resolve import resolve
from mitofm.training.budget import make_budget
from mitofm.training.callbacks import SaveToResume
from mitofm.training.cell import Cell
from mitofm.training.copies.metric_copies import Copies
from mitofm.training.environment import measure_peak_memory
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.settings import Settings
from mitofm.training.train import load_batches, train_module

WARM_UP = 3


class Loop:
    """The loop one would write, over a classifier of uint8 patches (B, H, W, 3)."""

    def __init__(self, cell: Cell, classifier: nn.Module, groups: Any) -> None:
        self.device, self.precision = cell.device, cell.autocast
        self.classifier = classifier.to(cell.device)
        self.trained = [one for one in classifier.parameters() if one.requires_grad]
        self.optimiser = torch.optim.AdamW(groups)
        n = cell.fit.batch_size
        self.patches = torch.from_numpy(cell.store.read(np.arange(n))).to(cell.device)
        self.labels = (torch.arange(n) % 2.0).to(cell.device)

    def loss(self) -> Tensor:
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.classifier(self.patches)
        return F.binary_cross_entropy_with_logits(logits.float(), self.labels)

    def step(self) -> None:
        self.optimiser.zero_grad()
        self.loss().backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()

    def count_kept(self) -> float:
        """MiB that a forward pass keeps for the backward pass."""
        of_parameters = {one.untyped_storage().data_ptr() for one in self.classifier.parameters()}
        kept: dict[int, Tensor] = {}

        def keep(tensor: Tensor) -> Tensor:
            kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self.loss()
        return sum(one.untyped_storage().nbytes() for at, one in kept.items() if at not in of_parameters) / 2**20


class Plain(nn.Module):
    """A timm model and a linear head, as a script would have them."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.side, self.mean, self.std = cell.spec.img_size, torch.tensor(cell.spec.mean), torch.tensor(cell.spec.std)
        self.trunk = build(cell.spec, cell.weights, 0).trunk
        self.head = nn.Linear(self.trunk.num_features, 1)

    def forward(self, patches: Tensor) -> Tensor:
        images = patches.permute(0, 3, 1, 2)
        if images.shape[-1] != self.side:
            images = F.interpolate(images, size=(self.side, self.side), mode="bicubic", antialias=True)
        mean, std = (one.to(images.device).view(1, 3, 1, 1) for one in (self.mean, self.std))
        return self.head(self.trunk((images / 255 - mean) / std).float()).squeeze(1)


def same_classifier(cell: Cell) -> Loop:
    """Ours, in a bare loop."""
    adaptation: Any = cell.settings.adaptation
    classifier = classifier_of(cell, adaptation)
    adaptation.set_train_mode(classifier)
    return Loop(cell, classifier, adaptation.parameter_groups(classifier))


def plain_peft(cell: Cell) -> Loop:
    """LoRA as of conf/adaptation/lora.yaml, by peft alone."""
    plain = Plain(cell).eval()
    plain.trunk.requires_grad_(False)
    matrices = r".*blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])"
    peft.inject_adapter_in_model(LoraConfig(r=8, lora_alpha=16, lora_dropout=0.1, target_modules=matrices), plain.trunk)
    for module in plain.modules():
        if isinstance(module, BaseTunerLayer):
            module.train()
    return Loop(cell, plain, [one for one in plain.parameters() if one.requires_grad])


def full_fine_tuning(cell: Cell) -> Loop:
    """Every weight of the same trunk."""
    plain = Plain(cell).train()
    return Loop(cell, plain, plain.parameters())


RIVALS = {"same classifier": same_classifier, "PyTorch and peft": plain_peft, "full fine-tuning": full_fine_tuning}


class TakingTurns(pl.Callback):
    """A step of each rival after each of ours."""

    def __init__(self, rivals: list[Loop]) -> None:
        self.rivals = rivals
        self.taken: list[list[np.ndarray]] = []

    def on_train_start(self, *_: Any) -> None:
        self.ended = read_clocks()

    def on_train_batch_end(self, *_: Any) -> None:
        times = [self.ended, read_clocks()]
        for rival in self.rivals:
            rival.step()
            times.append(read_clocks())
        self.taken.append([after - before for before, after in pairwise(times)])
        self.ended = times[-1]


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


def ours(cell: Cell, rivals: list[Loop], ready: bool) -> np.ndarray:
    """Train as `mitofm.training.train` does; seconds (steps, ours and each rival, wall and CPU)."""
    adaptation: Any = cell.settings.adaptation
    budget = make_budget(512, cell.fit)
    module = CellModule(classifier_of(cell, adaptation), adaptation, budget, Loss(), 0)
    data = load_batches(cell, budget, 0)
    if ready:
        data.training = Ready(data.training, cell.fit.batch_size)
    turns = TakingTurns(rivals)
    saved = SaveToResume(cell.folder / "resume.ckpt", cell.trainer.checkpoint_seconds, budget.check_every)
    train_module(cell, module, data, [turns], saved, Copies([]))
    return np.asarray(turns.taken[WARM_UP:])


def report(what: str, taken: np.ndarray) -> None:
    """Print medians over pairs of steps; CPU time says more if others use the machine, and nothing of a GPU or workers."""
    print(what)
    for number, name in enumerate(RIVALS, start=1):
        for kind, seconds in zip(("wall", "CPU"), np.moveaxis(taken, 2, 0), strict=True):
            first, bare = 1000 * np.median(seconds[:, [0, number]], axis=0)
            low, ratio, high = np.quantile(seconds[:, 0] / seconds[:, number], [0.25, 0.5, 0.75])
            print(
                f"  {kind:4} {first:7.1f} ms, {name:16} {bare:7.1f} ms: {ratio:.3f} (quartiles {low:.3f} to {high:.3f})",
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
        load_batches(cell, make_budget(512, cell.fit), 0)  # imports what augments
        forget_peak()
        if which == "ours":
            ours(cell, [], ready=False)
        else:
            bare = same_classifier(cell)
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
    parser.add_argument("--only-ready", action="store_true", help="leave out steps from the store")
    parser.add_argument("--override", action="append", default=[], help="of mitofm train")
    asked = parser.parse_args()
    peaks = {which: forked(peak_of, asked, which) for which in ("ours", "bare")}
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        cell = cell_of(asked, Path(name), asked.steps)
        device = torch.cuda.get_device_name() if cell.device.type == "cuda" else f"CPU, {asked.threads} threads"
        print(
            f"{asked.adaptation} on {asked.backbone} at {asked.img_size} px, batch {asked.batch}, {asked.precision}, {device}"
        )
        rivals = [make(cell) for make in RIVALS.values()]
        report("a step of ours, its batch ready, beside", ours(cell, rivals, ready=True))
        if not asked.only_ready:
            report(f"from the store, {asked.augment}, {asked.workers} workers", ours(cell, rivals, ready=False))
    kept = [rival.count_kept() for rival in rivals]
    print(
        "kept for the backward pass: "
        + ", ".join(f"{name} {mib:.1f} MiB" for name, mib in zip(RIVALS, kept, strict=True))
    )
    print(
        f"peak memory {peaks['ours']:.0f} MiB, bare {peaks['bare']:.0f} MiB: ratio {peaks['ours'] / peaks['bare']:.3f}"
        + ("" if torch.cuda.is_available() else " (whole processes, the same imports)")
    )


if __name__ == "__main__":
    main()
