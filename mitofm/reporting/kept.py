"""Results kept by the content of what they are made of, so that a second report computes nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mitofm.evaluation.replicates import VERSION
from mitofm.ground import fingerprints
from mitofm.ground.files import read_json, write_json


class Kept:
    """Results in `folder`, one small JSON each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, made_of: Any, compute: Callable[[], Any]) -> Any:
        """The result that belongs to `made_of` (plain data: content and settings), computed if there is none yet.

        Args:
            made_of: all that the result depends on, besides the version of the statistics.
            compute: gives the result as plain data.
        """
        entry = self.folder / f"{fingerprints.of([VERSION, made_of])[:32]}.json"
        with suppress(OSError, ValueError, KeyError):  # absent or damaged: computed again
            return read_json(entry)["result"]
        result = compute()
        with suppress(OSError):  # if nothing can be written, it is computed again next time
            write_json(entry, {"result": result})
        return result
