#!/usr/bin/env bash
# AdamW(fused=True), gradient_clip_val and precision="bf16-mixed": bf16 needs no loss scaling, so nothing stands in the way of
# clipping, and in fp32 the same three work. Lightning ends the training at its first step: the optimiser would unscale gradients.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 pytorch-lightning==2.6.6
cd "$work"
venv/bin/python - <<'PYTHON' 2>/dev/null
import logging
import sys

import pytorch_lightning as pl
import torch

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Fit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, _):
        return self.layer(batch).square().mean()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), fused=True)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=4)


def train(precision):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", max_steps=2, precision=precision, gradient_clip_val=1.0, **quiet)
    try:
        trainer.fit(Fit())
    except RuntimeError as error:
        return f"{type(error).__name__}: {error}"
    return f"{trainer.global_step} steps"


found = {precision: train(precision) for precision in ("32-true", "bf16-true", "bf16-mixed")}
print(f"pytorch-lightning {pl.__version__}, torch {torch.__version__}, AdamW(fused=True), gradient_clip_val=1.0")
for precision, seen in found.items():
    print(f"{precision}: expected: 2 steps; seen: {seen}")
as_stated = found["32-true"] == found["bf16-true"] == "2 steps" and "does not allow for gradient clipping" in found["bf16-mixed"]
sys.exit(None if as_stated else "no longer as stated")
PYTHON
