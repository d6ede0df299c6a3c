"""The patch store: every crop cut once into one memory-mapped array, so that reading a patch never opens an image.

A store is a folder: `patches.npy` (uint8, (N, S, S, 3), S = crop_px + 2 * margin_px), `table.parquet` (the annotation
table, row i describing patch i) and `store.json` (what it holds, written last). A folder without `store.json` is being
built or was interrupted; `progress.json` says how far it got, and building goes on from there.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm import fingerprints
from mitofm.data import cutting
from mitofm.data.annotations import fingerprint
from mitofm.data.sources.base import Source
from mitofm.errors import MitofmError
from mitofm.files import read_json, write_json, write_parquet
from mitofm.fingerprints import Remembered

_VERSION = 1  # raised whenever equal inputs give other patches
_CHUNK = 512  # patches between two notes of progress
_PATCHES, _TABLE, _STORE, _PROGRESS = "patches.npy", "table.parquet", "store.json", "progress.json"


@dataclass(frozen=True)
class PatchStore:
    """A finished store, opened for reading."""

    path: Path
    key: str
    """Fingerprint (hex) of all that the patches were made from."""
    table: pd.DataFrame
    """The annotation table; row i describes patch i."""
    patches: np.memmap
    """(N, S, S, 3) uint8 RGB, S = crop_px + 2 * margin_px; read only."""
    crop_px: int
    margin_px: int

    @classmethod
    def open(cls, path: Path) -> PatchStore:
        """Open the store in `path` and check that its parts belong together.

        Raises:
            MitofmError: there is no finished store, or one of its files is not the one it was finished with.
        """
        if not (path / _STORE).is_file():
            raise MitofmError(f"{path}: there is no finished patch store here. `mitofm prepare` builds it")
        try:
            facts = read_json(path / _STORE)
            n, key, crop_px, margin_px, told = (facts[fact] for fact in ("n", "key", "crop_px", "margin_px", "table"))
            table = pd.read_parquet(path / _TABLE)
            patches = np.load(path / _PATCHES, mmap_mode="r", allow_pickle=False)
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise _damaged(path, error) from error
        shape = _shape(n, crop_px, margin_px)
        if patches.shape != shape or patches.dtype != np.uint8:
            raise _damaged(path, f"{_PATCHES} is {patches.dtype} {patches.shape}, not uint8 {shape}")
        if fingerprint(table) != told:
            raise _damaged(path, f"{_TABLE} is not the table it was built from")
        if not path.name.endswith(key[:12]):
            raise _damaged(path, f"its key {key[:12]} is not the one in its folder's name")
        return cls(path, key, table, patches, crop_px, margin_px)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the patches at positions `rows` (n,): (n, S, S, 3) uint8."""
        return np.array(self.patches[np.asarray(rows, dtype=np.int64)])


def ensure(
    source: Source,
    *,
    name: str,
    crop_px: int,
    margin_px: int,
    cache: Path,
    remembered: Remembered,
    mpp: float | None = None,
) -> PatchStore:
    """The store of `source`'s cells, built first where it does not exist.

    Of several processes one builds and the others wait; an interrupted build is taken up where it stopped.

    Args:
        name: the data set's name, for the folder's name.
        crop_px: side of what a model sees, px.
        margin_px: room for jitter on each side, px.
        cache: the folder that holds the stores.
        remembered: fingerprints of files.
        mpp: micrometre per px of the patches. Cells of another resolution (in the table) are resampled; None: none are.

    Raises:
        MitofmError: sizes that cannot be, an image missing or unreadable, a crop too small, a cell outside its image.
    """
    if crop_px < 1 or margin_px < 0 or (mpp is not None and mpp <= 0):
        raise MitofmError(
            f"data set {name!r}: crop_px >= 1, margin_px >= 0 and mpp > 0 are needed, not {crop_px}, {margin_px}, {mpp}"
        )
    table = source.table()
    key = fingerprints.of(
        {
            "version": _VERSION,
            "table": fingerprint(table),
            "images": _images_fingerprint(source.root, table, name, remembered),
            "crop_px": crop_px,
            "margin_px": margin_px,
            "mpp": mpp,
        }
    )
    path = cache / f"{name}-{crop_px}+{margin_px}px-{key[:12]}"
    if not (path / _STORE).is_file():
        from filelock import FileLock

        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            if not (path / _STORE).is_file():
                _build(path, source.root, table, key, crop_px, margin_px, mpp)
    return PatchStore.open(path)


def _damaged(path: Path, reason: object) -> MitofmError:
    return MitofmError(
        f"{path}: this patch store is damaged ({reason}). Delete the folder; it is built again when next needed"
    )


def _shape(n: int, crop_px: int, margin_px: int) -> tuple[int, int, int, int]:
    side = crop_px + 2 * margin_px
    return n, side, side, 3


def _images_fingerprint(root: Path, table: pd.DataFrame, name: str, remembered: Remembered) -> str:
    """Fingerprint of the content of every image file that the table names."""
    names = sorted(set(cutting.file_column(table)))
    missing = [file for file in names if not (root / file).is_file()]
    if missing:
        raise MitofmError(
            f"data set {name!r}: {len(missing)} of {len(names)} image files are missing in {root}, the first is "
            f"{missing[0]}. Copy them there, at the path its annotations give"
        )
    files = [root / file for file in names]
    return remembered.get(
        f"images {names[0]}..{names[-1]}",
        files,
        lambda: fingerprints.of([[file, fingerprints.of_file(path)] for file, path in zip(names, files, strict=True)]),
    )


def _build(
    path: Path, root: Path, table: pd.DataFrame, key: str, crop_px: int, margin_px: int, mpp: float | None
) -> None:
    """Cut every patch of `table` into `path`, noting progress after each chunk; the caller holds the lock."""
    from rich.progress import Progress

    path.mkdir(parents=True, exist_ok=True)
    write_parquet(path / _TABLE, table)
    patches, done = _begun(path, _shape(len(table), crop_px, margin_px))
    patch_px = patches.shape[1]
    sides = np.array([cutting.side(patch_px, own, mpp) for own in table.get("mpp", pd.Series(np.nan, table.index))])
    with Progress(transient=True) as progress, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        bar = progress.add_task(f"cutting {len(table)} patches", total=len(table), completed=done)
        for groups in cutting.chunks(table, done, _CHUNK):
            cut = pool.map(lambda rows: (rows, cutting.cut(root, table.iloc[rows], sides[rows], patch_px)), groups)
            for rows, group in cut:
                patches[rows] = group
                done += len(rows)
            patches.flush()
            write_json(path / _PROGRESS, {"patches": done})
            progress.update(bar, completed=done)
    facts = {"key": key, "n": len(table), "crop_px": crop_px, "margin_px": margin_px, "mpp": mpp}
    write_json(path / _STORE, facts | {"table": fingerprint(table)})
    (path / _PROGRESS).unlink()


def _begun(path: Path, shape: tuple[int, int, int, int]) -> tuple[np.memmap, int]:
    """The array to fill, and how many patches an earlier attempt left in it (in the order of `cutting.chunks`)."""
    try:
        done = int(read_json(path / _PROGRESS)["patches"])
        patches = np.lib.format.open_memmap(path / _PATCHES, mode="r+")
        if patches.shape == shape and patches.dtype == np.uint8:
            return patches, done
    except (OSError, ValueError, KeyError):
        pass
    (path / _PROGRESS).unlink(missing_ok=True)
    return np.lib.format.open_memmap(path / _PATCHES, mode="w+", dtype=np.uint8, shape=shape), 0
