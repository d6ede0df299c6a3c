"""The patch store: every crop is cut once into one memory-mapped array, and reading a patch opens no image.

A store is a folder: `patches.npy` (uint8, (N, S, S, 3), S = crop_px + 2 * margin_px), `table.parquet` (the annotation
table, row i describing patch i) and `store.json` (what it holds, with checksums, written last). A folder without
`store.json` is being built or was interrupted: the pieces that are done are noted in it, and building goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from mitofm.data import cutting
from mitofm.data.annotations import UNKNOWN, fingerprint
from mitofm.data.building import build
from mitofm.data.images.open import files_of
from mitofm.data.sources.base import Tabled
from mitofm.data.sources.reading import check_images
from mitofm.data.survey import refuse, survey
from mitofm.data.tables import lock_cached
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum, map_npy, read_json, write_json, write_parquet
from mitofm.ground.fingerprints import Remembered

_VERSION = 3  # raised whenever equal inputs give other patches
_PART = 2**25  # bytes
_PATCHES, _TABLE, _STORE = "patches.npy", "table.parquet", "store.json"


@dataclass(frozen=True)
class PatchStore:
    """A finished store, opened for reading."""

    path: Path
    key: str  # fingerprint (hex) of all that the patches were made from
    table: pd.DataFrame  # the annotation table; row i describes patch i
    patches: np.ndarray  # (N, S, S, 3) uint8 RGB, S = crop_px + 2 * margin_px; memory-mapped, read only
    crop_px: int
    margin_px: int

    @classmethod
    def hold(cls, patches: np.ndarray, crop_px: int) -> PatchStore:
        """Patches (n, S, S, 3) uint8 in memory, without labels, of which the centre of `crop_px` is seen."""
        return cls(Path(), "", pd.DataFrame({"label": np.full(len(patches), UNKNOWN)}), patches, crop_px, 0)

    @classmethod
    def open(cls, path: Path, remembered: Remembered) -> PatchStore:
        """Open the store in `path`. MitofmError if it is not finished, or a file is not the one it was finished with.

        Checksums are computed if a file's size or time has changed since they were last verified.
        """
        if not (path / _STORE).is_file():
            raise MitofmError(f"{path}: there is no finished patch store here. `mitofm prepare` builds it")
        try:
            facts = read_json(path / _STORE)
            stated = facts.pop("checksum", None)  # since 0.2
            if stated not in (None, checksum(facts)):
                raise _damaged(path, f"{_STORE} has changed since it was written")
            n, key, crop_px, margin_px = (facts[fact] for fact in ("n", "key", "crop_px", "margin_px"))
            for name in (_PATCHES, _TABLE):
                if _checksum(below.check(path / name), remembered) != facts[name]:
                    raise _damaged(path, f"{name} is not the file it was finished with")
            table = pd.read_parquet(path / _TABLE)
            patches = np.asarray(map_npy(path / _PATCHES))
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise _damaged(path, error) from error
        side = crop_px + 2 * margin_px
        shape = (n, side, side, 3)
        if patches.shape != shape or patches.dtype != np.uint8 or len(table) != n:
            raise _damaged(path, f"{len(table)} rows beside {patches.dtype} {patches.shape}, not {n} and uint8 {shape}")
        if not path.name.endswith(key[:12]):
            raise _damaged(path, f"its key {key[:12]} is not the one in its folder's name")
        return cls(path, key, table, patches, crop_px, margin_px)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the patches again, instead of being sent all of them."""
        return _reopen, (self.path, self.key, self.table, self.crop_px, self.margin_px)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the patches at positions `rows` (n,): (n, S, S, 3) uint8."""
        return self.patches[np.asarray(rows, dtype=np.int64)]

    def narrow(self, crop_px: int) -> PatchStore:
        """The same patches, of which a model sees the central `crop_px` alone."""
        return replace(self, crop_px=crop_px, key=fingerprints.of([self.key, crop_px]))


def find_stores(cache: Path) -> Iterator[Path]:
    """The finished patch stores in `cache`."""
    return (facts.parent for facts in sorted((cache / "patches").glob(f"*/{_STORE}")))


def ensure(
    source: Tabled,
    *,
    name: str,
    crop_px: int,
    margin_px: int,
    cache: Path,
    remembered: Remembered,
    mpp: float | None = None,
    image_mpp: float | None = None,
) -> PatchStore:
    """The store of `source`'s samples, built first if it does not exist.

    Of several processes one builds and the others wait; an interrupted build goes on where it stopped. MitofmError for
    impossible sizes, an image missing or unreadable, a crop too small, an unknown resolution, a folder that cannot be
    written, too little room on the disk.

    Args:
        crop_px: side of what a model sees, px.
        margin_px: room for jitter on each side, px.
        mpp: micrometre per px of the patches, to which images of another resolution are resampled; None: none are.
        image_mpp: micrometre per px of the images if neither annotations nor files say.
    """
    if crop_px < 1 or margin_px < 0 or (mpp is not None and mpp <= 0):
        raise MitofmError(
            f"data set {name!r}: crop_px >= 1, margin_px >= 0 and mpp > 0 are needed, not {crop_px}, {margin_px}, {mpp}"
        )
    table = source.table()
    key = fingerprints.of(
        {
            "version": _VERSION,
            "table": fingerprint(table, votes=True),
            "images": fingerprint_images(source.root, table, name, remembered),
            "crop_px": crop_px,
            "margin_px": margin_px,
            "mpp": mpp,
            "image_mpp": image_mpp,
        }
    )
    path = cache / f"{name}-{crop_px}+{margin_px}px-{key[:12]}"
    if not (path / _STORE).is_file():
        with lock_cached(path, "patch store"):
            if not (path / _STORE).is_file():
                seen, patch_px = survey(source.root, table, image_mpp), crop_px + 2 * margin_px
                refuse(source.root, seen, mpp)
                sides = {file: cutting.side(patch_px, own, mpp) for file, own in seen["mpp"].items()}
                below.check(path).mkdir(exist_ok=True)
                write_parquet(path / _TABLE, table)
                build(path / _PATCHES, source.root, table, sides, patch_px)
                facts = {"key": key, "n": len(table), "crop_px": crop_px, "margin_px": margin_px, "mpp": mpp}
                sums = {name: _checksum(path / name, remembered) for name in (_PATCHES, _TABLE)}
                facts |= sums
                write_json(path / _STORE, facts | {"checksum": checksum(facts)})
    return PatchStore.open(path, remembered)


def _reopen(path: Path, key: str, table: pd.DataFrame, crop_px: int, margin_px: int) -> PatchStore:
    return PatchStore(path, key, table, np.asarray(map_npy(path / _PATCHES)), crop_px, margin_px)


def _damaged(path: Path, reason: object) -> MitofmError:
    return MitofmError(
        f"{path}: this patch store is damaged ({reason}). Delete the folder; it is built again when next needed"
    )


def fingerprint_images(root: Path, table: pd.DataFrame, name: str, remembered: Remembered) -> str:
    """Fingerprint of the content of every image file that the table names."""
    names = sorted(set(cutting.file_column(table)))
    check_images(root, names, name)
    files = [part for file in names for part in files_of(root / file)]

    def compute() -> str:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            hashes = pool.map(fingerprints.of_file, files)
            return fingerprints.of([[str(file.relative_to(root)), h] for file, h in zip(files, hashes, strict=True)])

    return remembered.get(f"images {names[0]}..{names[-1]}", files, compute)


def _checksum(file: Path, remembered: Remembered) -> str:
    """The remembered XXH3 (128 bit, hex) of the XXH3s of the file's parts of 32 MiB, which several cores compute at once.

    As good against damage as sha256, and ten times faster.
    """

    def of_part(start: int) -> bytes:
        with file.open("rb") as opened:
            opened.seek(start)
            return xxh3_128_digest(opened.read(_PART))

    def compute() -> str:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return xxh3_128_hexdigest(b"".join(pool.map(of_part, range(0, file.stat().st_size, _PART))))

    return remembered.get("xxh3_128 of 32 MiB parts", [file], compute)
