"""How many crops per second does masked pretraining see? `make bench-pretrain`

Whole steps of conf/pretrain.yaml (crops cut, masks, encoder, decoder, AdamW) on unlabelled synthetic tissue of one slide per
domain, the first step left out. CPU time says what an idle machine would do where this one is busy.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from mitofm.commands.composing import compose
from mitofm.pretraining.crops import Crops, slides
from mitofm.pretraining.run import Pretraining
from mitofm.runs.resolve import plain


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    config = plain(compose("pretrain", ["tissue.slides_per_domain=1"]))
    module = Pretraining(config)
    optimiser = module.configure_optimizers()["optimizer"]
    size = config["batch_size"]
    with tempfile.TemporaryDirectory() as folder:
        unlabelled = slides(config["tissue"], Path(folder))
        crops = Crops(unlabelled, config["backbone"]["img_size"], size, config["seed"], **config["places"])

        def train(step: int) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=asked.precision == "bf16"):
                loss = module.training_step(crops[step], step)["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        train(0)
        wall, cpu = time.perf_counter(), time.process_time()
        for step in range(asked.steps):
            train(step)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    seen = asked.steps * size
    print(
        f"{seen / wall:6.0f} crops/s, {seen / cpu:.0f} per CPU-second: {asked.precision}, {asked.threads} threads, batches of {size}"
    )
    print(f"{config['crops'] / seen * cpu / 3600:6.1f} CPU-hours for {config['crops']:,} crops")


if __name__ == "__main__":
    main()
