"""An array in one npy file that several processes fill, of one machine or of many that share its folder.

Each locks a share of the rows, writes it, and takes the next that nobody holds; the share of a dead process is taken over.
Beside the file `NAME.part` lie, until it is whole, `NAME.part.json`, which says how many rows a share has, and for each share
the notes of its finished pieces and, while it is written, its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np

from mitofm.ground.files import guarding, keep, move, recall, remove
from mitofm.ground.locks import Held, Lock, find_holder, lock
from mitofm.ground.resumable import ResumableArray, begin, has_room, name_notes, read_notes

_MOST = 4096  # shares of an array: each has a file of notes


class SharedArray:
    """The array in the file `part`, until all of it is written.

    Args:
        part: the file.
        shape: of the array.
        dtype: its type.
        piece: rows that are noted together: what an interruption may cost.
        pieces: of a share, if this process is the first and that makes no more than 4,096 shares.
        ended: whether another process has finished the array.

    Raises:
        OSError: the file cannot be written, or the disk has no room for it.
    """

    def __init__(
        self,
        part: Path,
        shape: Sequence[int],
        dtype: type[np.generic],
        *,
        piece: int,
        pieces: int,
        ended: Callable[[], bool],
    ) -> None:
        self._part, self._shape, self._dtype, self._piece = part, tuple(shape), dtype, piece
        plan = _name_plan(part)
        with _lock(part, "lock", wait=True):
            rows = recall(plan, "rows") if has_room(part, self._shape, dtype) else None
            if not rows or rows % piece:
                rows = piece * max(pieces, -(-shape[0] // (piece * _MOST)))
                if not ended():
                    _forget(part)
                    begin(part, self._shape, dtype, shared=True)
                    keep(plan, "rows", rows)
        self._rows: int = rows

    def claim(self) -> Generator[tuple[range, ResumableArray]]:
        """The rows of each share that is not written yet, with the array that takes them, locked until the next is asked for.

        Ends when all shares are written, by whomever. Close it if you stop early.
        """
        left = list(range(0, self._shape[0], self._rows))
        while left:
            before = len(left)
            for start in left.copy():
                if not self._part.is_file():
                    return  # others have written all, and moved it
                with suppress(Held):
                    yield from self._take(start, wait=False)
                    left.remove(start)
            if len(left) == before:
                yield from self._take(left.pop(0), wait=True)

    def _take(self, start: int, wait: bool) -> Iterator[tuple[range, ResumableArray]]:
        rows, notes = range(start, min(start + self._rows, self._shape[0])), name_notes(self._part, str(start))

        def is_left() -> bool:
            # In this order: when others have moved the file, they remove its notes.
            return not read_notes(notes, self._part).issuperset(rows[:: self._piece]) and self._part.is_file()

        if not is_left():
            return
        with (
            _lock(self._part, f"{start}.lock", wait) as held,
            guarding(self._part, held.require),
            guarding(notes, held.require),
        ):
            if is_left():
                with ResumableArray(self._part, self._shape, self._dtype, share=str(start)) as array:
                    yield rows, array

    def finish(self, whole: Path) -> None:
        """Move the array to `whole`, when all its shares are written."""
        with _lock(self._part, "lock", wait=True):
            move(self._part, whole)
            _forget(self._part)


def sweep(part: Path) -> None:
    """Remove notes and locks of the array in the file `part` that a process left which died after the array was moved."""
    if any(part.parent.glob(f"{part.name}.*")) and not part.is_file():
        with _lock(part, "lock", wait=True):
            if not part.is_file():
                _forget(part)


def _forget(part: Path) -> None:
    for notes in part.parent.glob(f"{part.name}.*progress"):
        remove(notes)
    for left in part.parent.glob(f"{part.name}.*.lock"):
        if not find_holder(left):  # of a process that died between its last piece and its next share
            remove(left)
    remove(_name_plan(part))


def _name_plan(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _lock(part: Path, name: str, wait: bool) -> AbstractContextManager[Lock]:
    return lock(part.with_name(f"{part.name}.{name}"), wait)
