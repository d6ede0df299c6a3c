#!/usr/bin/env bash
# A training of 8 steps in one epoch is saved after 2 of them and resumed with a loader of the 6 batches that are left. Lightning
# counts the 2 earlier batches too, takes the epoch to be over once the count is 6, the length of the loader, and begins another
# epoch: the last two batches are never seen, the first two of the six twice. Steps, loss and exit code look right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pytorch-lightning==2.6.6 torch==2.13.0
cd "$work"
venv/bin/python - 2>/dev/null <<'PYTHON'
import sys

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

STEPS = 8


class Model(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(1, 1), []

    def train_dataloader(self):
        return DataLoader(torch.arange(STEPS).float()[:, None], batch_size=None, sampler=range(self.global_step, STEPS))

    def training_step(self, batch, index):
        self.seen.append(int(batch.item()))
        return self.layer(batch).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class Stop(pl.Callback):
    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 2:
            trainer.save_checkpoint("two.ckpt")
            trainer.should_stop = True


def train(callbacks, resume):
    model = Model()
    trainer = pl.Trainer(accelerator="cpu", max_steps=STEPS, max_epochs=-1, min_steps=None, logger=False, callbacks=callbacks,
                         enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(model, ckpt_path=resume, weights_only=True)
    return model.seen


first, second = train([Stop()], None), train([], "two.ckpt")
print(f"pytorch-lightning {pl.__version__}")
print("expected: [0, 1], then [2, 3, 4, 5, 6, 7]")
print(f"seen:     {first}, then {second}")
sys.exit(None if (first, second) == ([0, 1], [2, 3, 4, 5, 2, 3]) else "no longer as stated")
PYTHON
