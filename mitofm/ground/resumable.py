"""An npy file that several threads fill piece by piece, and that goes on after a killed process."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from mitofm.ground import below
from mitofm.ground.files import checksum, read_json, remove, require_held, write_json
from mitofm.ground.locks import Lost

_NOTE_EVERY = 0.1  # seconds between two notes of progress; each writes to the disk, which spreads the writing


class ResumableArray:
    """An array on disk, whole when its `with` block ends without an error.

    Room is reserved first; rows are written in any order. A thread notes the finished pieces in `<name>.progress` beside the
    file and is the only one that waits for the disk. Rows are written with pwrite: page faults of a memory map cost more
    than the copy, and on a full disk they kill the process.

    Raises:
        OSError: the file cannot be written, or the disk has no room for it.
    """

    def __init__(self, file: Path, shape: Sequence[int], dtype: type[np.generic]) -> None:
        self._path = below.check(file)
        self._progress = file.with_name(f"{file.name}.progress")
        self._row_bytes = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
        self._dtype = dtype
        self._closed = threading.Event()
        self._done = self._read_earlier(file, tuple(shape))
        if not self._done:
            self._begin(file, tuple(shape))
        with file.open("rb") as begun:
            _read_header(begun)
            self._start = begun.tell()
        self._file = os.open(file, os.O_RDWR)
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def _read_earlier(self, file: Path, shape: tuple[int, ...]) -> set[int]:
        """The pieces that an earlier attempt noted, if its file has this shape and type."""
        try:
            noted = read_json(self._progress)
            done = {int(piece) for piece in noted["pieces"]}
            if noted["checksum"] != checksum([file.name, sorted(done)]):
                return set()
            with file.open("rb") as begun:
                found = _read_header(begun)
                whole = begun.tell() + shape[0] * self._row_bytes == file.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return set()
        return done if whole and found == (shape, False, np.dtype(self._dtype)) else set()

    def _begin(self, file: Path, shape: tuple[int, ...]) -> None:
        remove(self._progress)
        room, needed = shutil.disk_usage(file.parent).free, shape[0] * self._row_bytes
        if file.is_file():
            room += file.stat().st_blocks * 512
        if room < needed:
            raise OSError(f"{needed / 1e9:.1f} GB are needed and {room / 1e9:.1f} GB free")
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(self._dtype)), "fortran_order": False, "shape": shape}
        with file.open("wb") as begun:
            np.lib.format.write_array_header_1_0(begun, header)
            begun.flush()
            _reserve(begun.fileno(), begun.tell() + needed)

    def holds(self, piece: int) -> bool:
        """Whether `piece` is finished."""
        return piece in self._done

    def write(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Write `values` (n, ...) into `rows` (n,)."""
        require_held(self._path)
        for row, value in zip(rows, np.ascontiguousarray(values, dtype=self._dtype), strict=True):
            os.pwrite(self._file, value.data, self._start + int(row) * self._row_bytes)

    def note(self, piece: int) -> None:
        """Note that all rows of `piece` are written."""
        self._done.add(piece)

    def _keep(self) -> None:
        with suppress(Lost):  # whoever writes next is told
            while not self._closed.wait(_NOTE_EVERY):
                self._save()

    def _save(self) -> None:
        done = sorted(self._done.copy())  # before the fsync, so that only pieces on the disk are noted
        os.fsync(self._file)
        write_json(self._progress, {"pieces": done, "checksum": checksum([self._path.name, done])})

    def __enter__(self) -> ResumableArray:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file with its data on the disk; if everything is written, remove the notes."""
        self._closed.set()
        self._keeper.join()
        try:
            if kind is None:
                os.fsync(self._file)
                remove(self._progress)
            else:
                self._save()
        finally:
            os.close(self._file)


def _read_header(file: object) -> tuple[tuple[int, ...], bool, np.dtype]:
    np.lib.format.read_magic(file)  # type: ignore[arg-type]
    return np.lib.format.read_array_header_1_0(file)  # type: ignore[arg-type]


def _reserve(file: int, size: int) -> None:
    """Reserve the blocks of the file if the system can, so that a full disk is noticed first; else set its size."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)
