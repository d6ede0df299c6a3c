"""One pretraining, from its settings to weights with a card beside them; an interrupted one is continued."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import remove, replacing, write_json
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
from mitofm.training.saved import discard_damaged

_COLUMNS = ("step", "crops", "loss", "contrast", "crops_per_second")
_RESUME = "resume.ckpt"


class _StepsLeft(Sampler[int]):
    """The steps from `start` on. Its length is that of the whole run: at so many steps, those of earlier processes included,
    Lightning ends an epoch and would begin again at `start`.
    """

    def __init__(self, start: int, steps: int) -> None:
        self.start, self.steps = start, steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        yield from range(self.start, self.steps)


class Pretraining(pl.LightningModule):
    """Trains the autoencoder; the crops and the mask of a step are functions of (seed, step)."""

    def __init__(self, settings: PretrainSettings, crops: Crops) -> None:
        super().__init__()
        self.settings, self.crops = settings, crops
        self.steps = max(1, settings.crops // settings.batch_size)
        self.backbone = build(settings.backbone, Weights(None, "random"), settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(settings.seed, "initialisation", "decoder"))
            self.autoencoder = MaskedAutoencoder(
                self.backbone.trunk,
                settings.mask,
                **vars(settings.decoder),
                projection=settings.contrast.width,
                temperature=settings.contrast.temperature,
            )

    def train_dataloader(self) -> DataLoader:
        """The crops of the steps that are left."""
        return DataLoader(self.crops, batch_size=None, sampler=_StepsLeft(self.global_step, self.steps))

    def training_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """The losses of one batch of crops, uint8 (B, side, side, 3): hidden patches, contrast, their sum."""
        generator = torch.Generator().manual_seed(derive(self.settings.seed, "mask", self.global_step))
        order = torch.rand(len(batch), self.autoencoder.patches, generator=generator).argsort(dim=1)
        colour = self.settings.colour * torch.randn((2, len(batch), 3, 1, 1), generator=generator)
        shift, gain = colour.to(self.device)
        images = self.backbone.transform(batch) * (1 + gain) + shift
        hidden, contrast = self.autoencoder(images, order.to(self.device))
        loss = hidden + self.settings.contrast.weight * contrast
        if not torch.isfinite(loss):
            raise MitofmError(f"the loss is {loss.item()} at step {self.global_step}: lower lr={self.settings.lr}")
        return {"loss": loss, "hidden": hidden.detach(), "contrast": contrast.detach()}

    def configure_optimizers(self) -> Any:
        """AdamW, no decay of vectors; linear warm-up, then a cosine to zero."""
        parameters = list(self.autoencoder.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.settings.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.settings.lr, betas=(0.9, 0.95))
        return schedule_lr(optimiser, self.steps, math.ceil(self.steps * self.settings.warmup))


class _Log(pl.Callback):
    """Appends a row to `log.csv` every `every` steps: mean losses and crops per second since the last row."""

    def __init__(self, file: Path, every: int, batch_size: int) -> None:
        self.file, self.every, self.batch_size = file, every, batch_size
        self.losses: list[Tensor] = []  # of the steps since the last row
        self.timed = 0  # of these, steps of this process

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        rows = self.read_rows()
        with replacing(self.file) as temporary, temporary.open("w", newline="") as file:  # later steps are done again
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= trainer.global_step)
        self.since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(torch.stack([outputs["hidden"], outputs["contrast"]]))
        self.timed += 1
        step = trainer.global_step
        if step % self.every and step != trainer.max_steps:
            return
        now = time.perf_counter()
        hidden, contrast = torch.stack([one.cpu() for one in self.losses]).mean(dim=0).tolist()
        speed = self.timed * self.batch_size / (now - self.since)
        row = [step, step * self.batch_size, f"{hidden:.5f}", f"{contrast:.5f}", f"{speed:.0f}"]
        with below.check(self.file).open("a", newline="") as file:
            csv.writer(file).writerow(row)
        self.losses, self.timed, self.since = [], 0, now

    def state_dict(self) -> dict[str, Any]:
        """The losses since the last row, for the resume file."""
        return {"losses": [one.cpu() for one in self.losses]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a resume file, so that the next row is the mean over the same steps."""
        self.losses = state_dict["losses"]

    def read_rows(self) -> list[dict[str, str]]:
        if not self.file.is_file():
            return []
        with below.check(self.file).open(newline="") as file:
            return list(csv.DictReader(file))


def pretrain(settings: PretrainSettings) -> Path:
    """Pretrain a backbone, unless it is done, and return the file of its weights (bf16).

    In the same folder, `pretraining/NAME-HASH` in `paths.runs`, are their card (README.md), `config.json` and `log.csv`.

    Raises:
        MitofmError: the architecture cannot be pretrained this way, or the loss diverges.
    """
    settings = replace(settings, backbone=replace(settings.backbone, weights="random"))
    spec, identity = settings.backbone, settings.identity
    folder = settings.paths.runs / "pretraining" / f"{spec.name}-{fingerprints.of(identity)[:12]}"
    weights = folder / f"{spec.name}.safetensors"
    if weights.is_file():
        remove(folder / _RESUME)  # of one that was killed after its last step
        return weights
    torch.set_num_threads(settings.threads)
    slides = render_slides(settings.tissue, settings.paths.cache)
    crops = Crops(slides, spec.img_size, settings.batch_size, settings.seed, **vars(settings.places))
    module = Pretraining(settings, crops)
    write_json(folder / "config.json", identity)
    log = _Log(folder / "log.csv", settings.log_every, settings.batch_size)
    discard_damaged(folder / _RESUME)
    save = SaveToResume(folder / _RESUME, settings.checkpoint_seconds, check_every=0)
    trainer = run_loop(
        module,
        None,
        [log],
        save,
        steps=module.steps,
        precision=settings.precision,
        progress=settings.progress,
        accelerator=settings.accelerator,
        devices=1,
        gradient_clip_val=1.0,
        logger=False,
    )
    about = environment.describe(trainer.strategy.root_device)  # Lightning has taken the module back to the CPU
    tensors = {name: value.to(torch.bfloat16) for name, value in module.backbone.trunk.state_dict().items()}
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(write_card(identity, about, log.read_rows(), sum(p.numel() for p in tensors.values())))
    save_tensors(weights, tensors)  # last: its presence marks the end
    remove(save.file)
    return weights
