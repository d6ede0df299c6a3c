"""Cached features of a frozen backbone: one memory-mapped file per (patch store, backbone fingerprint), written once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mitofm.backbones import embedding_sums
from mitofm.backbones.embedding_sums import locate_sums, remember_sums, write_sums
from mitofm.data.augment import cut_centre
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import guarding, map_npy
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.locks import lock
from mitofm.ground.shared_array import SharedArray, sweep

_PIECE = 2048  # patches: what an interruption may cost
_SHARE = {"cpu": 1, "cuda": 16}  # pieces that a process locks at a time: between two shares a GPU idles for a moment
_BATCH = {"cpu": 64, "cuda": 1024}  # patches per forward pass; halved if that is too much

_log = logging.getLogger(__name__)


def cache_embeddings(
    store: PatchStore,
    fingerprint: str,
    cache: Path,
    embedder: Callable[[], nn.Module],
    *,
    device: torch.device,
    precision: torch.dtype,
    dtype: type[np.floating] = np.float32,
) -> np.ndarray:
    """The embeddings of every patch of `store`: (N, D), memory-mapped, in the store's order.

    Processes that want the same embeddings wait for the one that computes them, beside those that help it
    (`help_embedding`). If it is killed, the next continues from its file.

    Args:
        store: the patches; the margin for jitter is cut off.
        fingerprint: of the backbone (contract, weights, precision) and of the way in which it is seen.
        cache: folder of the cache.
        embedder: builds the backbone, or it in `views` or as `tokens`: a module that states the `shape` of what it gives
            for a patch; called only if the embeddings do not exist yet.
        device: where to compute.
        precision: `torch.float32`, or `torch.bfloat16` for autocast.
        dtype: in which they are kept.

    A file that is not the one that was written, by the checksums beside it, is computed again, with a warning. A file of
    before there were checksums is taken if its rows and type are right, and gets some, also with a warning.

    Raises:
        MitofmError: the file in the cache has no checksums and holds no embeddings.
    """
    file = locate_embeddings(store, fingerprint, cache)
    of = (store.key, fingerprint)
    remembered = Remembered(cache / "fingerprints")

    def find_fault() -> str | None:
        if not locate_sums(file).is_file():
            return _adopt(file, store, of, embedder, dtype)
        return embedding_sums.find_fault(file, of, len(store.table), dtype, remembered)

    if not file.is_file() or find_fault():
        with lock(file.with_name(f"{file.name}.lock")) as held, ExitStack() as guarded:
            part = file.with_suffix(".part")
            for one in (file, part, locate_sums(file)):
                guarded.enter_context(guarding(one, held.require))
            fault = find_fault() if file.is_file() else None
            if fault:
                _log.warning("%s %s: it is computed again", file, fault)
            if fault or not file.is_file():
                array = _fill(part, store, embedder(), device, precision, dtype, ended=lambda: False)
                summed = write_sums(part, file, of)
                array.finish(file)
                remember_sums(file, summed, remembered)
    sweep(file.with_suffix(".part"))
    return _open(file)


def help_embedding(
    store: PatchStore,
    fingerprint: str,
    cache: Path,
    embedder: Callable[[], nn.Module],
    *,
    device: torch.device,
    precision: torch.dtype,
    dtype: type[np.floating] = np.float32,
) -> None:
    """Compute shares of the embeddings that nobody computes yet, until all are written; then `cache_embeddings` finishes.

    The arguments are those of `cache_embeddings`. Any number of processes may do this at once, on machines that share `cache`.
    """
    file, of = locate_embeddings(store, fingerprint, cache), (store.key, fingerprint)
    remembered = Remembered(cache / "fingerprints")

    def is_whole() -> bool:
        if not file.is_file():
            return False
        checked = locate_sums(file).is_file()  # one of before there were checksums is looked at by `cache_embeddings`
        return not checked or embedding_sums.find_fault(file, of, len(store.table), dtype, remembered) is None

    if not is_whole():
        _fill(file.with_suffix(".part"), store, embedder(), device, precision, dtype, ended=is_whole)


def locate_embeddings(store: PatchStore, fingerprint: str, cache: Path) -> Path:
    """Where `cache_embeddings` keeps the embeddings."""
    return cache / "embeddings" / f"{store.key[:16]}-{fingerprint[:16]}.npy"


def _open(file: Path) -> np.ndarray:
    try:
        return map_npy(file)
    except (OSError, ValueError) as error:
        raise MitofmError(f"{file} holds no embeddings ({error}): delete it, and they are computed again") from error


def _adopt(
    file: Path, store: PatchStore, of: Sequence[str], embedder: Callable[[], Any], dtype: type[np.floating]
) -> str | None:
    """Give a file of before there were checksums some, if its shape and type are right; else say what is wrong, as `find_fault`."""
    array = _open(file)
    shape = (len(store.table), *embedder().shape)
    if array.shape != shape or array.dtype != dtype:
        return f"holds {array.dtype.name} {array.shape}, not {np.dtype(dtype).name} {shape}"
    _log.warning("%s is of before there were checksums: its numbers are unchecked. It gets checksums now", file)
    with suppress(OSError):  # then the next to open it says so again
        write_sums(file, file, of)
    return None


def _fill(
    part: Path,
    store: PatchStore,
    embedder: Any,
    device: torch.device,
    precision: torch.dtype,
    dtype: type[np.floating],
    ended: Callable[[], bool],
) -> SharedArray:
    """Compute the shares of the embeddings that no other process computes, and wait for the others.

    Batches start where a piece does, so that the numbers do not depend on who computes which.
    """
    shape = (len(store.table), *embedder.shape)
    whole = SharedArray(part, shape, dtype, piece=_PIECE, pieces=_SHARE[device.type], ended=ended)
    with closing(whole.claim()) as shares:
        for share, array in shares:
            pieces = [start for start in share[::_PIECE] if not array.holds(start)]  # done in order: the last ones
            for rows, features in embed(store, np.arange(pieces[0], share.stop), embedder, device, precision):
                array.write(rows, features)
                while pieces and min(pieces[0] + _PIECE, share.stop) <= rows[-1] + 1:
                    array.note(pieces.pop(0))
    return whole


def embed(
    store: PatchStore, rows: np.ndarray, embedder: nn.Module, device: torch.device, precision: torch.dtype
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The embeddings of the patches at `rows` (n,), batch by batch: the rows (b,) of each and its float32 (b, D).

    Batches are as large as the device takes.
    """
    embedder = embedder.to(device).eval()
    done = 0
    while done < len(rows):
        try:
            for batch, features in _embed(store, rows[done:], embedder, device, precision):
                yield batch, features
                done += len(batch)
        except torch.cuda.OutOfMemoryError:
            if _BATCH[device.type] == 1:
                raise
            torch.cuda.empty_cache()
            _BATCH[device.type] //= 2


def _embed(
    store: PatchStore, rows: np.ndarray, embedder: nn.Module, device: torch.device, precision: torch.dtype
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """As `embed`. Patches are read and sent ahead and features fetched behind, so that a GPU never waits for either."""
    size = _BATCH[device.type]
    batches = np.array_split(rows, range(size, len(rows), size))
    cuda = device.type == "cuda"
    behind: list[tuple[np.ndarray, Callable[[], np.ndarray]]] = []
    for batch, patches in zip(batches, _read_ahead(store, batches, pinned=cuda), strict=True):
        with torch.inference_mode(), torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            features = embedder(patches.to(device, non_blocking=True)).float()
        behind.append((batch, _start_fetch(features) if cuda else features.numpy))
        if len(behind) > 1:
            done, fetch = behind.pop(0)
            yield done, fetch()
    for done, fetch in behind:
        yield done, fetch()


def _start_fetch(features: Tensor) -> Callable[[], np.ndarray]:
    """Start copying `features` from the GPU; the result waits for that copy and for nothing queued after it."""
    copy = torch.empty(features.shape, dtype=features.dtype, pin_memory=True)
    copy.copy_(features, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record()

    def wait() -> np.ndarray:
        copied.synchronize()
        return copy.numpy()

    return wait


def _read_ahead(store: PatchStore, batches: list[np.ndarray], pinned: bool) -> Iterator[Tensor]:
    """The patches of each batch, uint8 (B, S, S, 3), the next one read while one is in use."""

    def read(rows: np.ndarray) -> Tensor:
        patches = torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
        return patches.pin_memory() if pinned else patches

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, batches[0])
        for rows in batches[1:]:
            patches, coming = coming.result(), reader.submit(read, rows)
            yield patches
        yield coming.result()
