"""Building a patch store: many images cut by several workers into one file, resumable after a kill at any moment."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.data.images.base import Image
from mitofm.data.images.open import open_image
from mitofm.files import read_json, write_json

_NOTE_EVERY = 2.0  # seconds between two notes of progress, each of which waits for the disk


def build(array_file: Path, root: Path, table: pd.DataFrame, sides: Mapping[str, int], patch_px: int) -> None:
    """Write the patches of `table` into `array_file`, going on where an earlier attempt stopped.

    Args:
        array_file: to become an npy of (N, patch_px, patch_px, 3) uint8. What is done is noted beside it, in
            `progress.json`, which is removed at the end.
        root: the folder that the table's files are relative to.
        table: the annotation table; row i gives patch i.
        sides: px that a patch covers, by the name of the file it is cut from.
        patch_px: side of the patches.

    Raises:
        MitofmError: an image cannot be decoded, or a crop is too small.
        OSError: the file cannot be written, or the disk has no room for it.
    """
    from rich.console import Console
    from rich.progress import Progress

    units = cutting.plan(table, patch_px)
    files = cutting.file_column(table).to_numpy()
    array = _Array(array_file, (len(table), patch_px, patch_px, 3))
    with array, Progress(console=Console(stderr=True), transient=True) as bar, ThreadPoolExecutor(_workers()) as pool:
        task = bar.add_task(f"cutting {len(table)} patches", total=len(table))

        def work(unit: list[np.ndarray]) -> None:
            with _Shelf(root) as shelf:
                for rows in unit:
                    if not array.holds(rows):
                        for file, run in cutting.by_file(files, rows):
                            array.write(run, cutting.cut(shelf.image(file), table.iloc[run], sides[file], patch_px))
                        array.note(rows)
                    bar.advance(task, len(rows))

        try:
            for _ in pool.map(work, units):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    array.progress.unlink(missing_ok=True)


def _workers() -> int:
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class _Shelf:
    """Opens images and keeps the last one open, as the next piece may be cut from it too."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = ""
        self._image: Image | None = None

    def image(self, name: str) -> Image:
        if self._image is None or name != self._name:
            self.close()
            self._name, self._image = name, open_image(self._root / name)
        return self._image

    def close(self) -> None:
        if self._image is not None:
            self._image.close()
            self._image = None

    def __enter__(self) -> _Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Array:
    """An npy file while it is filled: room reserved first, patches written in any order, pieces noted when done.

    Written with pwrite and not through a memory map, whose page faults cost more than the copy, and which on a full
    disk kills the process.
    """

    def __init__(self, file: Path, shape: tuple[int, int, int, int]) -> None:
        self.progress = file.with_name("progress.json")
        self._patch_bytes = int(np.prod(shape[1:]))
        self._lock = threading.Lock()
        self._noted = time.monotonic()
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        self._done = self._earlier(file, header)
        if not self._done:
            self.progress.unlink(missing_ok=True)
            room, needed = shutil.disk_usage(file.parent).free, shape[0] * self._patch_bytes
            if file.is_file():
                room += file.stat().st_blocks * 512
            if room < needed:
                raise OSError(f"{needed / 1e9:.1f} GB are needed and {room / 1e9:.1f} GB free")
            with file.open("wb") as begun:
                np.lib.format.write_array_header_1_0(begun, header)
                begun.flush()
                _reserve(begun.fileno(), begun.tell() + needed)
        with file.open("rb") as begun:
            np.lib.format.read_magic(begun)
            np.lib.format.read_array_header_1_0(begun)
            self._start = begun.tell()
        self._file = os.open(file, os.O_RDWR)

    def _earlier(self, file: Path, header: dict[str, object]) -> set[int]:
        """The first rows of the pieces that an earlier attempt noted, if its file is the one that is wanted."""
        try:
            done = {int(row) for row in read_json(self.progress)["pieces"]}
            with file.open("rb") as begun:
                np.lib.format.read_magic(begun)
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(begun)
                whole = begun.tell() + int(np.prod(shape)) == file.stat().st_size
        except (OSError, ValueError, KeyError):
            return set()
        return done if whole and not fortran and dtype == np.uint8 and shape == header["shape"] else set()

    def holds(self, rows: np.ndarray) -> bool:
        return int(rows[0]) in self._done

    def write(self, rows: np.ndarray, patches: np.ndarray) -> None:
        for row, patch in zip(rows, patches, strict=True):
            os.pwrite(self._file, np.ascontiguousarray(patch).data, self._start + int(row) * self._patch_bytes)

    def note(self, rows: np.ndarray) -> None:
        with self._lock:
            self._done.add(int(rows[0]))
            if time.monotonic() - self._noted >= _NOTE_EVERY:
                os.fsync(self._file)
                write_json(self.progress, {"pieces": sorted(self._done)})
                self._noted = time.monotonic()

    def __enter__(self) -> _Array:
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file)
        os.close(self._file)


def _reserve(file: int, size: int) -> None:
    """Give the file its size and, where the system can, its blocks: a full disk is met now and not halfway."""
    reserve: Callable[[int, int, int], None] | None = getattr(os, "posix_fallocate", None)
    if reserve is not None:
        reserve(file, 0, size)
    else:
        os.truncate(file, size)
