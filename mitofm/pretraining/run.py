"""One pretraining, from its config to weights with a card beside them; goes on where it was interrupted."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import csv
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import replacing, write_json
from mitofm.ground.seeds import derive
from mitofm.ground.tensors import save_tensors
from mitofm.pretraining.card import write_card
from mitofm.pretraining.crops import Crops, render_slides
from mitofm.pretraining.masked import MaskedAutoencoder
from mitofm.pretraining.settings import PretrainSettings
from mitofm.training import environment
from mitofm.training.budget import schedule_lr
from mitofm.training.callbacks import SaveToResume
from mitofm.training.loop import run_loop

_COLUMNS = ("step", "crops", "loss", "contrast", "crops_per_second")


class Pretraining(pl.LightningModule):
    """Trains the autoencoder; what a step sees and hides is a function of (seed, step)."""

    def __init__(self, asked: PretrainSettings) -> None:
        super().__init__()
        self.asked = asked
        self.steps = max(1, asked.crops // asked.batch_size)
        spec = replace(asked.backbone, weights="random")
        self.backbone = build(spec, Weights(None, "random"), asked.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(asked.seed, "initialisation", "decoder"))
            self.autoencoder = MaskedAutoencoder(
                self.backbone.trunk,
                asked.mask,
                **vars(asked.decoder),
                projection=asked.contrast.width,
                temperature=asked.contrast.temperature,
            )

    def training_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """The losses of one batch of crops, uint8 (B, side, side, 3): hidden patches, contrast, their sum."""
        generator = torch.Generator().manual_seed(derive(self.asked.seed, "mask", self.global_step))
        order = torch.rand(len(batch), self.autoencoder.patches, generator=generator).argsort(dim=1)
        colour = self.asked.colour * torch.randn((2, len(batch), 3, 1, 1), generator=generator)
        shift, gain = colour.to(self.device)
        images = self.backbone.transform(batch) * (1 + gain) + shift
        hidden, contrast = self.autoencoder(images, order.to(self.device))
        loss = hidden + self.asked.contrast.weight * contrast
        if not torch.isfinite(loss):
            raise MitofmError(f"the loss is {loss.item()} at step {self.global_step}: lower lr={self.asked.lr}")
        return {"loss": loss, "hidden": hidden.detach(), "contrast": contrast.detach()}

    def configure_optimizers(self) -> Any:
        """AdamW, no decay of vectors; linear warm-up, then a cosine to zero."""
        parameters = list(self.autoencoder.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.asked.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.asked.lr, betas=(0.9, 0.95))
        return schedule_lr(optimiser, self.steps, math.ceil(self.steps * self.asked.warmup))


class _Steps(pl.LightningDataModule):
    """The steps that are still to do."""

    def __init__(self, crops: Crops, steps: int) -> None:
        super().__init__()
        self.crops, self.steps = crops, steps

    def train_dataloader(self) -> DataLoader:
        start = self.trainer.global_step if self.trainer is not None else 0
        return DataLoader(self.crops, batch_size=None, sampler=range(start, self.steps))


class _Log(pl.Callback):
    """Appends a row to `log.csv` every so many steps: mean losses and crops per second since the last row."""

    def __init__(self, file: Path, every: int, batch_size: int) -> None:
        self.file, self.every, self.batch_size = file, every, batch_size
        self.losses: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        rows = self.rows()
        with replacing(self.file) as temporary, temporary.open("w", newline="") as file:  # later rows will come again
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= trainer.global_step)
        self.since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(torch.stack([outputs["hidden"], outputs["contrast"]]))
        step = trainer.global_step
        if step % self.every and step != trainer.max_steps:
            return
        now, (hidden, contrast) = time.perf_counter(), torch.stack(self.losses).mean(dim=0).tolist()
        speed = len(self.losses) * self.batch_size / (now - self.since)
        with self.file.open("a", newline="") as file:
            csv.writer(file).writerow(
                [step, step * self.batch_size, f"{hidden:.5f}", f"{contrast:.5f}", f"{speed:.0f}"]
            )
        self.losses, self.since = [], now

    def rows(self) -> list[dict[str, str]]:
        """What has been logged."""
        if not self.file.is_file():
            return []
        with self.file.open(newline="") as file:
            return list(csv.DictReader(file))


def pretrain(asked: PretrainSettings) -> Path:
    """PretrainSettings as asked, unless that is done; returns the file of the weights.

    Its folder, `pretraining/NAME-HASH` in `paths.runs`, holds the weights (bf16), their card (README.md), `config.json`
    and `log.csv`.

    Raises:
        MitofmError: the backbone cannot be pretrained so, or the loss diverges.
    """
    asked = replace(asked, backbone=replace(asked.backbone, weights="random"))
    spec, decides = asked.backbone, asked.decides
    folder = asked.paths.runs / "pretraining" / f"{spec.name}-{fingerprints.of(decides)[:12]}"
    weights = folder / f"{spec.name}.safetensors"
    if weights.is_file():
        return weights
    torch.set_num_threads(asked.threads)
    module = Pretraining(asked)
    unlabelled = render_slides(asked.tissue, asked.paths.cache)
    crops = Crops(unlabelled, spec.img_size, asked.batch_size, asked.seed, **vars(asked.places))
    write_json(folder / "config.json", decides)
    log = _Log(folder / "log.csv", asked.log_every, asked.batch_size)
    save = SaveToResume(folder / "resume.ckpt", asked.checkpoint_seconds, check_every=0)
    trainer = run_loop(
        module,
        _Steps(crops, module.steps),
        [log],
        save,
        steps=module.steps,
        precision=asked.precision,
        progress=asked.progress,
        accelerator=asked.accelerator,
        devices=1,
        gradient_clip_val=1.0,
        logger=False,
    )
    about = environment.describe(trainer.strategy.root_device)  # Lightning has taken the module back to the CPU
    tensors = {name: value.to(torch.bfloat16) for name, value in module.backbone.trunk.state_dict().items()}
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(write_card(decides, about, log.rows(), sum(p.numel() for p in tensors.values())))
    save_tensors(weights, tensors)  # last: where it is, all is
    save.file.unlink(missing_ok=True)
    return weights
