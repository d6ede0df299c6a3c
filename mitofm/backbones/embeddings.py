"""Cached features of a frozen backbone: one memory-mapped file per (patch store, backbone fingerprint), written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from mitofm.backbones.build import Backbone
from mitofm.data.augment import centre
from mitofm.data.patches import PatchStore
from mitofm.files import replacing


def cached(
    store: PatchStore,
    fingerprint: str,
    cache: Path,
    backbone: Callable[[], Backbone],
    *,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int = 256,
) -> np.ndarray:
    """The embeddings of every patch of `store`: float32 (N, D), memory-mapped, in the store's order.

    Processes that want the same embeddings wait for the one that computes them.

    Args:
        store: the patches; the margin for jitter is cut off.
        fingerprint: of the backbone (contract, weights, precision).
        cache: folder of the cache.
        backbone: builds the backbone; called only where the embeddings do not exist yet.
        device: where to compute.
        precision: `torch.float32`, or `torch.bfloat16` for autocast.
        batch_size: patches per forward pass.
    """
    file = cache / "embeddings" / f"{store.key[:16]}-{fingerprint[:16]}.npy"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if not file.is_file():
                _write(file, store, backbone(), device, precision, batch_size)
    return np.load(file, mmap_mode="r", allow_pickle=False)


def _write(
    file: Path, store: PatchStore, backbone: Backbone, device: torch.device, precision: torch.dtype, batch_size: int
) -> None:
    backbone = backbone.to(device).eval()
    shape = (len(store.table), backbone.embedding_dim)
    with replacing(file) as temporary, torch.inference_mode():
        embeddings = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, shape[0], batch_size):
            rows = np.arange(start, min(start + batch_size, shape[0]))
            patches = torch.from_numpy(centre(store.read(rows), store.crop_px)).to(device)
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                embeddings[rows] = backbone(patches).float().cpu().numpy()
        embeddings.flush()
