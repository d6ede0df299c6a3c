"""An npy file that several threads fill piece by piece, and that goes on after a killed process."""

from __future__ import annotations

import io
import math
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
_PAGE = 4096  # bytes


class ResumableArray:
    """An array on disk, whole when its `with` block ends without an error.

    Room is reserved first; rows are written in any order. A thread notes the finished pieces in `<name>.progress` beside the
    file and is the only one that waits for the disk. Rows are written with pwrite: page faults of a memory map cost more
    than the copy, and on a full disk they kill the process.

    Args:
        file: the array.
        shape: its shape.
        dtype: its type.
        share: the name of a part of its rows that this process writes, while others may write the rest: then the file has
            been begun, and the notes of the share, `<name>.<share>.progress`, stay until all shares are written.

    Raises:
        OSError: the file cannot be written, or the disk has no room for it.
    """

    def __init__(self, file: Path, shape: Sequence[int], dtype: type[np.generic], share: str = "") -> None:
        self._path = below.check(file)
        self._progress = name_notes(file, share)
        self._is_share = bool(share)
        self._row_bytes = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
        self._dtype = dtype
        self._closed = threading.Event()
        self._done = read_notes(self._progress, file)
        if not self._is_share and not (self._done and has_room(file, shape, dtype)):
            self._done = set()
            remove(self._progress)
            begin(file, shape, dtype)
        self._noted = sorted(self._done)
        with file.open("rb") as begun:
            _read_header(begun)
            self._start = begun.tell()
        self._file = os.open(file, os.O_RDWR)
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

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
        if done == self._noted:
            return  # once a share is noted whole, others may finish the array and remove the notes: they must not come again
        os.fsync(self._file)
        write_json(self._progress, {"pieces": done, "checksum": checksum([self._path.name, done])})
        self._noted = done

    def __enter__(self) -> ResumableArray:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file with its data on the disk; if everything is written, remove the notes."""
        self._closed.set()
        self._keeper.join()
        try:
            if kind is None:
                os.fsync(self._file)
            if kind is None and not self._is_share:
                remove(self._progress)
            else:
                self._save()
        finally:
            os.close(self._file)


def name_notes(file: Path, share: str = "") -> Path:
    """Where the finished pieces of `file`, or of a share of it, are noted."""
    return file.with_name(f"{file.name}.{share}.progress" if share else f"{file.name}.progress")


def read_notes(notes: Path, file: Path) -> set[int]:
    """The pieces of `file` that an earlier attempt has noted as finished."""
    try:
        noted = read_json(notes)
        done = {int(piece) for piece in noted["pieces"]}
        return done if noted["checksum"] == checksum([file.name, sorted(done)]) else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def has_room(file: Path, shape: Sequence[int], dtype: type[np.generic]) -> bool:
    """Whether `file` was begun as an array of this shape and type."""
    try:
        with file.open("rb") as begun:
            found = _read_header(begun)
            size = begun.tell() + math.prod(shape) * np.dtype(dtype).itemsize
    except (OSError, ValueError):
        return False
    return size == file.stat().st_size and found == (tuple(shape), False, np.dtype(dtype))


def begin(file: Path, shape: Sequence[int], dtype: type[np.generic], shared: bool = False) -> None:
    """Write the header of an array and reserve its room; OSError if the disk has none.

    With `shared` the header fills a page of memory, as pieces of rows may: over NFS no two machines then write one page.
    """
    room, needed = shutil.disk_usage(file.parent).free, math.prod(shape) * np.dtype(dtype).itemsize
    if file.is_file():
        room += file.stat().st_blocks * 512
    if room < needed:
        raise OSError(f"{needed / 1e9:.1f} GB are needed and {room / 1e9:.1f} GB free")
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(header, described)
    with file.open("wb") as begun:
        begun.write(_fill_page(header.getvalue()) if shared else header.getvalue())
        begun.flush()
        _reserve(begun.fileno(), begun.tell() + needed)


def _fill_page(header: bytes) -> bytes:
    """A header of npy 1.0, which states its length in bytes 8 and 9, with spaces before its last newline."""
    text = header[10:-1].ljust(_PAGE - 11) + b"\n"
    return header[:8] + len(text).to_bytes(2, "little") + text


def _read_header(file: object) -> tuple[tuple[int, ...], bool, np.dtype]:
    np.lib.format.read_magic(file)  # type: ignore[arg-type]
    return np.lib.format.read_array_header_1_0(file)  # type: ignore[arg-type]


def _reserve(file: int, size: int) -> None:
    """Reserve the blocks of the file if the system can, so that a full disk is noticed first; else set its size."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)
