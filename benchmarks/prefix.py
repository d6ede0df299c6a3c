"""What is a LoRA step worth whose frozen first blocks are kept on the disk? `make bench-prefix`

Steps of two trainings that are the same, one with `trainer.prefix_cache_gb=0`, take turns in one process: batches read and
augmented, loss, gradient, optimiser. Reads are of files that were just written: of the system's memory, if it holds them.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train import cell_of, classifier_of

from mitofm.training.budget import make_budget
from mitofm.training.cell import Cell
from mitofm.training.loss import Loss
from mitofm.training.module import CellModule
from mitofm.training.prefix import KeptPrefix, open_prefix
from mitofm.training.train import load_batches

CROPS, WARM_UP = 512, 3


class Training:
    """One of the two."""

    def __init__(self, cell: Cell, prefix: KeptPrefix | None, classifier: Any) -> None:
        adaptation, budget = cell.settings.adaptation, make_budget(CROPS, cell.fit)
        self.module = CellModule(
            classifier, adaptation, budget, Loss(), 0, suffix=prefix.suffix if prefix else None
        ).to(cell.device)  # fmt: skip
        data = load_batches(cell, budget, 0, prefix)
        self.batches, self.training = iter(data.order), data.training
        self.optimiser = torch.optim.AdamW(adaptation.parameter_groups(classifier))
        self.precision = cell.autocast
        adaptation.set_train_mode(classifier)
        self.losses: list[float] = []

    def step(self) -> float:
        """Train a step; its CPU seconds."""
        began = time.process_time()
        torch.manual_seed(len(self.losses))
        seen, labels, weights = (part.to(self.module.device) for part in self.training.__getitems__(next(self.batches)))
        self.optimiser.zero_grad()
        with torch.autocast(self.module.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.module.compute_logits(seen)
        loss = self.module.loss(logits.float(), labels, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimiser.step()
        self.losses.append(loss.item())
        return time.process_time() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="deit_tiny")
    parser.add_argument("--img-size", type=int, default=96)
    parser.add_argument("--crop-px", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--last-blocks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    asked = parser.parse_args()
    asked.adaptation, asked.augment, asked.workers, asked.threads = "lora", "dihedral", 0, 1
    asked.override = [f"adaptation.last_blocks={asked.last_blocks}"]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        cell = cell_of(asked, Path(name), steps=8 * CROPS // asked.batch)
        adaptation, trainings = cell.settings.adaptation, []
        for kept in (cell, replace(cell, trainer=replace(cell.trainer, prefix_cache_gb=0))):
            classifier = classifier_of(kept, adaptation)
            began = time.process_time()
            prefix = open_prefix(kept, adaptation, classifier, make_budget(CROPS, kept.fit))
            if kept.trainer.prefix_cache_gb:
                written = sum(file.stat().st_size for file in prefix.features.files)  # type: ignore[union-attr]
                print(
                    f"kept: {written / CROPS / 1e6:.3f} MB and {1000 * (time.process_time() - began) / CROPS:.1f} CPU-ms a patch"
                )
            trainings.append(Training(kept, prefix, classifier))
        pairs = np.array([[one.step() for one in trainings] for _ in range(asked.steps)])[WARM_UP:]
    low, ratio, high = np.quantile(pairs[:, 0] / pairs[:, 1], [0.25, 0.5, 0.75])
    first, other = 1000 * np.median(pairs, axis=0)
    print(
        f"a step, CPU time: {first:.1f} ms kept, {other:.1f} ms computed, ratio {ratio:.3f} (quartiles {low:.3f} to {high:.3f})"
    )
    print(f"largest difference of a loss: {np.abs(np.subtract(*(one.losses for one in trainings))).max():.1e}")


if __name__ == "__main__":
    main()
