"""Results kept by the content of what they are made of, so that a second report computes nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mitofm.evaluation.replicates import VERSION
from mitofm.ground import fingerprints
from mitofm.ground.stowed import fetch, stow


class Kept:
    """Results in `folder`, one small file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, made_of: Any, compute: Callable[[], Any]) -> Any:
        """The result (plain data) that belongs to `made_of`, computed if there is none yet.

        `made_of` is plain data: all that the result depends on, besides the version of the statistics.
        """
        entry = self.folder / f"{fingerprints.of([VERSION, made_of])[:32]}.kept"
        if (found := fetch(entry)) is not None:
            return found[0]
        result = compute()
        with suppress(OSError):  # if it cannot be written, it is computed again next time
            stow(entry, result)
        return result
