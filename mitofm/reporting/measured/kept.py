"""Results kept by the content of what they are made of, so that a second report computes nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mitofm.evaluation.replicates import VERSION
from mitofm.ground import context, fingerprints
from mitofm.ground.stowed import fetch, forget, stow

DAYS = 60
"""What no report has used for so long is forgotten: of cells that changed since, or of other code."""


class Kept:
    """Results in `folder`, one small file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, made_of: Any, compute: Callable[[], Any]) -> Any:
        """The result (plain data) that belongs to `made_of`, computed if there is none yet.

        `made_of` is plain data: all that the result depends on, besides the code and the version of the statistics.
        """
        return self.get_all([made_of], lambda _: [compute()])[0]

    def get_all(self, made_of: Sequence[Any], compute: Callable[[list[int]], Iterable[Any]]) -> list[Any]:
        """As `get` of each; `compute` is given the places of those that there are none of, and gives these together."""
        stowed = self.get_stowed(made_of, lambda lacking: ((one, b"") for one in compute(lacking)))
        return [plain for plain, _ in stowed]

    def get_stowed(
        self, made_of: Sequence[Any], compute: Callable[[list[int]], Iterable[tuple[Any, bytes]]]
    ) -> list[tuple[Any, bytes]]:
        """As `get_all` of results that are plain data and bytes."""
        entries = [self.folder / f"{fingerprints.of([VERSION, context.of_code(), one])[:32]}.kept" for one in made_of]
        found = [fetch(entry, used=True) for entry in entries]
        lacking = [place for place, one in enumerate(found) if one is None]
        for place, result in zip(lacking, compute(lacking) if lacking else [], strict=True):
            found[place] = result
            with suppress(OSError):  # if it cannot be written, it is computed again next time
                stow(entries[place], *result)
        return [one for one in found if one is not None]

    def forget_unused(self) -> None:
        """Delete the results that were neither made nor used for `DAYS`."""
        forget(self.folder, ".kept", DAYS)
