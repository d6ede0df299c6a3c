"""What was found out about cells, kept in one file of the cache: each with the state of its cell's files in which it holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mitofm.ground import fingerprints
from mitofm.ground.files import keep, recall

FOLDER, KEY = "noted", "cells"
WHOLE = "whole cells"
"""A purpose: True of each cell whose files are those that its DONE lists, the checkpoint left out."""


class Noted:
    """Plain data about the cells of a folder of runs; what is new is written when the block ends.

    Of two processes that write at once the last one counts: what the other noted is found out again.

    Args:
        cache: the folder of what is kept.
        purpose: what is noted, and of which code if another one may find something else.
        runs: the folder with `cells/`.
    """

    def __init__(self, cache: Path, purpose: str, runs: Path) -> None:
        self._entry = cache / FOLDER / f"{fingerprints.of([purpose, str(runs.resolve())])[:32]}.json"
        self._known: dict[str, list[Any]] = recall(self._entry, KEY) or {}
        self._changed = False

    def get(self, cell: str, state: str) -> Any:
        """What was noted of a cell whose files are in this state; None if nothing."""
        found = self._known.get(cell)
        return found[1] if found is not None and found[0] == state else None

    def put(self, cell: str, state: str, value: Any) -> None:
        """Note something of a cell whose files were in this state before it was found out."""
        self._known[cell] = [state, value]
        self._changed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._changed:
            with suppress(OSError):  # then it is found out again
                keep(self._entry, KEY, self._known)
