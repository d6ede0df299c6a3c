"""How busy does extraction keep the device? `make bench-embed`

The embeddings of a patch store on disk, against a bare loop over batches that lie ready in memory. On a CPU the bare
loop transforms and embeds; on CUDA its tensors are resized, normalised and on the device already. Backbone with random
weights: the work is the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from clocks import measure

from mitofm.backbones.build import build
from mitofm.backbones.embeddings import _BATCH, embed
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose
from mitofm.data.patches import PatchStore
from mitofm.runs.resolve import plain


def random_store(folder: Path, n: int, crop_px: int) -> PatchStore:
    """A store of `n` random patches, on disk."""
    file = folder / "patches.npy"
    np.save(file, np.random.default_rng(0).integers(0, 256, (n, crop_px, crop_px, 3), dtype=np.uint8))
    table = pd.DataFrame({"label": np.zeros(n, int)})
    return PatchStore(folder, "0" * 64, table, np.asarray(np.load(file, mmap_mode="r")), crop_px, 0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="deit_tiny")
    parser.add_argument("--img-size", type=int, default=224)
    parser.add_argument("--crop-px", type=int, default=128)
    parser.add_argument("--patches", type=int, default=512)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = torch.bfloat16 if asked.precision == "bf16" else torch.float32
    typed = [f"backbone={asked.backbone}", "backbone.weights=random", f"backbone.img_size={asked.img_size}"]
    spec = BackboneSpec.from_config(plain(compose("train", typed))["backbone"])
    backbone = build(spec, Weights(None, "random"), seed=0).to(device).eval()
    with tempfile.TemporaryDirectory() as folder:
        store = random_store(Path(folder), asked.patches, asked.crop_px)
        rows = np.arange(asked.patches)
        list(embed(store, rows, backbone, device, precision))  # warm up, and find the batch
        size = _BATCH[device.type]
        ready = [torch.from_numpy(store.read(part)) for part in np.array_split(rows, range(size, len(rows), size))]
        bare: Callable[[torch.Tensor], torch.Tensor] = backbone
        if device.type == "cuda":
            ready = [backbone.transform(part.to(device)) for part in ready]
            bare = backbone.trunk.forward_features

        def ours() -> None:
            for _ in embed(store, rows, backbone, device, precision):
                pass

        def theirs() -> None:
            with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
                for part in ready:
                    bare(part)

        pairs = [(measure(ours)[0], measure(theirs)[0]) for _ in range(asked.repeats)]
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{asked.backbone} at {asked.img_size} px from {asked.crop_px} px, {asked.precision}, batch {size}, {name}")
    print(f"from the store {asked.patches / statistics.median(pair[0] for pair in pairs):8.1f} patches/s")
    print(f"bare loop      {asked.patches / statistics.median(pair[1] for pair in pairs):8.1f} patches/s")
    ratio = statistics.median(bare / ours for ours, bare in pairs)
    print(f"ratio          {ratio:8.3f}, median of {asked.repeats} pairs")


if __name__ == "__main__":
    main()
