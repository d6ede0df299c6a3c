"""How many crops per second does masked pretraining see? `make bench-pretrain`

Whole steps of conf/pretrain.yaml (crops cut, masks, encoder, decoder, AdamW) on unlabelled synthetic tissue of one slide per
domain, the first steps left out; on a GPU if there is one. CPU time is about the same on a busy machine as on an idle one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from clocks import measure

from mitofm.commands.composing.asking import ask
from mitofm.pretraining.crops import Crops, render_slides
from mitofm.pretraining.run import Pretraining
from mitofm.pretraining.settings import PretrainSettings


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    settings = ask(PretrainSettings, "pretrain", ["tissue.slides_per_domain=1", "backbone.weights=random"])
    device = torch.device(asked.device)
    size = settings.batch_size
    with tempfile.TemporaryDirectory() as folder:
        unlabelled = render_slides(settings.tissue, Path(folder))
        crops = Crops(unlabelled, settings.backbone.img_size, size, settings.seed, **vars(settings.places))
        module = Pretraining(settings, crops).to(device)
        optimiser = module.configure_optimizers()["optimizer"]

        def train(step: int) -> None:
            with torch.autocast(device.type, torch.bfloat16, enabled=asked.precision == "bf16"):
                loss = module.training_step(crops[step].to(device), step)["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        for step in range(3):
            train(step)
        wall, cpu = measure(lambda: [train(step) for step in range(asked.steps)])
    seen = asked.steps * size
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {asked.threads} threads"
    print(f"{seen / wall:6.0f} crops/s, {seen / cpu:.0f} per CPU-second: {asked.precision}, {name}, batches of {size}")
    share = settings.crops / seen / 3600
    print(f"{share * wall:6.2f} hours, {share * cpu:.2f} of CPU, for {settings.crops:,} crops")


if __name__ == "__main__":
    main()
