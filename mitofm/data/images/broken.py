"""Errors for images that cannot be read: bytes are missing, or the bytes that are there are damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mitofm.ground.errors import MitofmError

_BYTES_OF = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # a value of each TIFF field type, by its number
_INTEGERS = {3: "u2", 4: "u4", 16: "u8"}  # the field types of places and lengths
_PIECES = (273, 279, 324, 325)  # places and lengths of strips and of tiles
_NDPI = 65420
_NEEDED = (256, 257, 258, 259, 262, 273, 277, 278, 279, 322, 323, 324, 325, 347)  # fields without which nothing decodes


def cut_short(path: Path, reason: object) -> MitofmError:
    """The error for an image whose bytes are not all there."""
    return MitofmError(f"{path}: this image cannot be read ({reason}). Fetch it again: it is cut short")


def damaged(path: Path, reason: object) -> MitofmError:
    """The error for an image that its decoder does not understand, though no bytes seem to be missing."""
    reason = " ".join(str(reason).split())
    return MitofmError(
        f"{path}: this image cannot be read ({reason}). It is not cut short, but damaged or unusual: open it in another "
        "viewer, and save it anew from there, or fetch it again"
    )


def unreadable(path: Path, reason: object) -> MitofmError:
    """The error that fits: `cut_short` if bytes are missing, else `damaged`."""
    return cut_short(path, f"{lack}; {reason}") if (lack := find_lack(path)) else damaged(path, reason)


def find_lack(path: Path) -> str:
    """What is missing at the end of the file, as far as its structure tells; "" if nothing seems to be."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(16)
        if start[:2] in (b"II", b"MM"):
            try:
                return _compare_sizes(max(_walk_tiff(file, size), default=0), size)
            except (struct.error, OSError, ValueError):  # the last two from a place that no file has
                return f"it ends within its directory, after {size} bytes"
        file.seek(max(size - 4096, 0))
        end = file.read()
    if start.startswith(b"\x89PNG"):
        return "" if b"IEND" in end else "its end (IEND) is missing"
    if start.startswith(b"\xff\xd8"):
        return "" if b"\xff\xd9" in end else "its end (EOI) is missing"
    if start.startswith(b"RIFF"):
        return _compare_sizes(struct.unpack_from("<I", start, 4)[0] + 8, size)
    return _compare_sizes(struct.unpack_from("<I", start, 2)[0], size) if start.startswith(b"BM") else ""


def _compare_sizes(needed: int, size: int) -> str:
    return f"it should have {needed} bytes, but has {size}" if needed > size else ""


def _walk_tiff(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each directory of a TIFF, and what it points to, ends; up to the first end beyond the `size` bytes.

    Raises struct.error, OSError or ValueError if a directory is cut off, or its place is impossible.
    """
    order = "<" if _unpack(file, 0, "2s")[0] == b"II" else ">"
    big = _unpack(file, 2, order + "H")[0] == 43
    count, entry, pointer, inline = ("Q", "HHQ8s", "Q", 8) if big else ("H", "HHI4s", "I", 4)
    (at,) = _unpack(file, 8 if big else 4, order + pointer)
    seen = set()
    while at and at not in seen:
        seen.add(at)
        (entries,) = _unpack(file, at, order + count)
        first = at + struct.calcsize(order + count)
        next_at = first + entries * struct.calcsize(order + entry)
        yield (end := next_at + struct.calcsize(order + pointer))
        if end > size:
            return
        pieces: dict[int, np.ndarray] = {}
        for i in range(entries):
            tag, kind, n, value = _unpack(file, first + i * struct.calcsize(order + entry), order + entry)
            if tag == _NDPI:  # its pointers beyond 4 GB are not those of a TIFF
                return
            length = n * (_BYTES_OF[kind] if kind < len(_BYTES_OF) else 0)
            if tag in _NEEDED and length > inline:
                (start,) = struct.unpack(order + pointer, value)
                yield start + length
                if start + length > size:
                    return
                file.seek(start)
                value = file.read(length) if tag in _PIECES else b""
            if tag in _PIECES and kind in _INTEGERS:
                pieces[tag] = np.frombuffer(value[:length], order + _INTEGERS[kind]).astype(np.int64)
        for starts, lengths in ((273, 279), (324, 325)):
            if starts in pieces and lengths in pieces:
                yield _end_of_pieces(pieces[starts], pieces[lengths])
        (at,) = _unpack(file, next_at, order + pointer)


def _end_of_pieces(starts: np.ndarray, lengths: np.ndarray) -> int:
    """Where the last tile or strip ends; those without a place or of 0 bytes were never written."""
    n = min(len(starts), len(lengths))
    starts, lengths = starts[:n], lengths[:n]
    return int(np.max(starts + lengths, where=(starts > 0) & (lengths > 0), initial=0))


def _unpack(file: BinaryIO, at: int, layout: str) -> tuple[Any, ...]:
    file.seek(at)
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
