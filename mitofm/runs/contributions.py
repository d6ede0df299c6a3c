"""What a finished cell contributes to a report: read and computed once for the content of its files, and kept.

It is made when the cell ends, or when a report first asks for it. Its name is made of the checksums in DONE and of the versions of
the rules that made it, so that no other content has it. It is used for cells alone whose files are those that DONE lists:
each file is read once for each state (names, sizes and times) of a cell's folder.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mitofm.evaluation import replicates
from mitofm.ground import fingerprints
from mitofm.ground.stowed import fetch, stow
from mitofm.runs import sums
from mitofm.runs.folder import read_bytes
from mitofm.runs.looking import Look
from mitofm.runs.measured import Measured, measure_cell, pack, pack_samples, unpack, unpack_samples
from mitofm.runs.noted import WHOLE, Noted
from mitofm.runs.said import Said, read_said
from mitofm.runs.sums import Sum
from mitofm.runs.tables import read_predictions

STATISTICS = "statistics"
"""The folder of the cache."""
_RULE = 2  # raise it when the same files would give another contribution; for numbers `replicates.VERSION`
_SAYING = ("cell.json", "metrics.json", "cost.json", "config.yaml", "environment.json")
PREDICTED = "predictions.parquet"
_MEASURING = (PREDICTED, "split.parquet", "metrics.json")
_PURPOSE = f"contributions {_RULE}"


class Contributions:
    """Those of the cells of a folder of runs, kept in a cache; what is noted of them is written when the block ends."""

    def __init__(self, runs: Path, cache: Path) -> None:
        self._runs, self._folder = runs, cache / STATISTICS
        self._noted = Noted(cache, _PURPOSE, runs)
        self._whole = Noted(cache, WHOLE, runs)  # by `mitofm status`
        self._shared: dict[str, Any] = {}
        self._tested: dict[str, Mapping[str, Any]] = {}
        self._measured: dict[str, str] = {}
        self._predictions: dict[str, str] = {}

    def __enter__(self) -> Contributions:
        return self

    def __exit__(self, *ended: Any) -> None:
        self._noted.__exit__(*ended)

    def say(self, cell: str, look: Look) -> Said | None:
        """What the small files of a finished cell say; what many say alike is one object.

        None if a file of the cell is not the one that DONE lists, or if DONE lists none, or if they say nothing: who reads
        them is told what is wrong.
        """
        if (names := self._name(cell, look)) is None:
            return None
        entry = self._folder / f"{names[0]}.said"
        if (found := fetch(entry)) is not None:
            plain = found[0]
        else:
            said = read_said(self._runs / "cells" / cell)
            if said is None:
                return None
            _stow_said(entry, said)
            plain = _pack_said(said)
        self._measured[cell], self._predictions[cell] = names[1:]
        return Said(
            {_intern(key): _intern(value) for key, value in plain["row"].items()},
            self._tested.setdefault(str(plain["tested"]), plain["tested"]),
            {_intern(group): self._share(text) for group, text in plain["config"].items()},
            _intern(plain["device"]),
        )

    def predictions_sha256(self, cell: str) -> str:
        """Of the predictions of a cell that is whole, from its DONE: KeyError if `say` had nothing of it."""
        return self._predictions[cell]

    def measure(self, cell: str) -> Measured:
        """What a finished cell measured, kept or computed; DamagedCell if a file of it is."""
        entry = self._folder / f"{self.name_measured(cell)}.measured"
        if (found := fetch(entry)) is not None:
            return unpack(self._share(found[0]), found[1])
        measured = measure_cell(self._runs / "cells" / cell)
        _stow_measured(entry, measured)
        return measured

    def name_measured(self, cell: str) -> str:
        """The name of what a finished cell measured: another one for any other content of the files that it is measured from."""
        if cell not in self._measured:
            folder = self._runs / "cells" / cell
            self._measured[cell] = name_kept({file: Sum.of(read_bytes(folder / file)) for file in _MEASURING})[1]
        return self._measured[cell]

    def sample(self, cell: str) -> dict[str, np.ndarray]:
        """The test samples of a finished cell in columns (`measured.unpack_samples`), kept or read; DamagedCell if a file of it is."""
        if cell in self._predictions:
            sha256 = self._predictions[cell]
        else:
            sha256 = Sum.of(read_bytes(self._runs / "cells" / cell / PREDICTED)).sha256
        entry = self._folder / _name_samples(sha256)
        found = fetch(entry)
        if found is None:
            found = pack_samples(read_predictions(self._runs / "cells" / cell / PREDICTED))
            with suppress(OSError):  # then they are read again
                stow(entry, *found)
        return unpack_samples(*found)

    def _name(self, cell: str, look: Look) -> list[str] | None:
        """As `name_kept`; None if a file of the cell is another one, or not known to be the one."""
        if look.odd:
            return None
        state = look.spell()
        known: list[str] | None = self._noted.get(cell, state)
        if known is None:
            folder = self._runs / "cells" / cell
            with suppress(OSError, ValueError, KeyError):
                listed = sums.read(folder)
                if listed is not None and (self._whole.get(cell, state) or _is_whole(str(folder), listed, look)):
                    known = name_kept(listed)
                    self._noted.put(cell, state, known)
        return known

    def _share(self, text: str) -> Any:
        """The plain data in a text, one object for all equal texts: nobody changes it."""
        if text not in self._shared:
            self._shared[text] = json.loads(text)
        return self._shared[text]


def keep_contribution(folder: Path, cache: Path) -> None:
    """Read and measure a cell that has just ended, and keep it for reports. What hinders that hinders no cell."""
    with suppress(Exception):
        listed = sums.read(folder)
        if listed is not None:
            *names, sha256 = name_kept(listed)
            saying, measuring = (cache / STATISTICS / name for name in names)
            predictions = read_predictions(folder / PREDICTED)
            _stow_measured(measuring.with_suffix(".measured"), measure_cell(folder, predictions))
            stow(cache / STATISTICS / _name_samples(sha256), *pack_samples(predictions))
            if (said := read_said(folder)) is not None:
                _stow_said(saying.with_suffix(".said"), said)


def name_kept(listed: Mapping[str, Sum]) -> list[str]:
    """The names under which the contribution of a cell with these files is kept: what it says, what it measured.

    And the sha256 of its predictions.
    """
    names = []
    for rule, files in ((_RULE, _SAYING), ([_RULE, replicates.VERSION], _MEASURING)):
        names.append(fingerprints.of([rule, [[file, listed[file].sha256] for file in files if file in listed]])[:32])
    return [*names, listed[PREDICTED].sha256]


def _intern(value: Any) -> Any:
    return sys.intern(value) if type(value) is str else value


def _name_samples(sha256: str) -> str:
    return f"{fingerprints.of([_RULE, sha256])[:32]}.samples"


def _pack_said(said: Said) -> dict[str, Any]:
    """As plain data, each group of the config as a text."""
    return {**asdict(said), "config": {group: json.dumps(value) for group, value in said.config.items()}}


def _stow_said(entry: Path, said: Said) -> None:
    with suppress(OSError):  # then they are read again
        stow(entry, _pack_said(said))


def _stow_measured(entry: Path, measured: Measured) -> None:
    with suppress(OSError):  # then it is measured again
        stow(entry, *pack(measured))


def _is_whole(folder: str, listed: Mapping[str, Sum], look: Look) -> bool:
    """Whether the files but those of the checkpoint are those that DONE lists."""
    own = {name: one for name, one in listed.items() if not sums.is_of_checkpoint(name)}
    if any(name not in look.files or look.files[name][0] != one.size for name, one in own.items()):
        return False
    for name, one in own.items():
        with Path(f"{folder}/{name}").open("rb") as file:  # of a folder in which no link was seen
            if hashlib.sha256(file.read()).hexdigest() != one.sha256:
                return False
    return True
