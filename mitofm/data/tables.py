"""The curated table of a data set, made once per state of its files and kept, so that images are opened only once.

A kept table is a folder: `table.parquet`, `remarks.parquet` (`mitofm.data.curation.Curated`) and `facts.json`, written last,
which says from what state of which images it was made, and the table's fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import cutting
from mitofm.data.annotations import fingerprint
from mitofm.data.curation import Curated, Rules, curate
from mitofm.data.sources.base import Source
from mitofm.data.sources.reading import check_images
from mitofm.data.survey import refuse, survey
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import guarding, read_json, write_json, write_parquet
from mitofm.ground.locks import lock

_VERSION = 3  # raised whenever equal inputs give another table
_TABLE, _REMARKS, _FACTS = "table.parquet", "remarks.parquet", "facts.json"


@dataclass(frozen=True)
class Tables:
    """Where the curated tables of one data set, read and curated in one way, are kept."""

    folder: Path  # that holds those of all data sets
    name: str  # of the data set
    source: Source  # how its files are read
    source_config: Any  # the same, as the config says it
    files: Sequence[Path]  # its annotation files
    rules: Rules  # of its curation
    image_mpp: float | None  # micrometre per px of images that do not say; None: not known

    def read(self) -> Curated:
        """The table, made first if none was made from the files as they are now.

        MitofmError if annotations or images cannot be read, or curation refuses them.
        """
        found = _read(self._ensure(self._holds))
        if found is None:  # damaged: nothing is lost by making it again
            found = _read(self._ensure(lambda path: _read(path) is not None))
        assert found is not None
        return found

    def fingerprint(self, votes: bool = False) -> str:
        """The fingerprint of the table, with its votes or without; raises as `read`. The table itself is not read."""
        return read_json(self._ensure(self._holds) / _FACTS)["fingerprint and votes" if votes else "fingerprint"]

    def _ensure(self, is_made: Callable[[Path], bool]) -> Path:
        """The folder of the table, made unless it `is_made`."""
        key = fingerprints.of(
            {
                "version": _VERSION,
                "source": self.source_config,
                "rules": asdict(self.rules),
                "image_mpp": self.image_mpp,
                "files": [(str(file), _state(file)) for file in self.files],
            }
        )
        path = self.folder / f"{self.name}-{key[:12]}"
        if not is_made(path):
            with lock_cached(path, "table"):
                if not is_made(path):  # by another process, meanwhile
                    self._make(path)
        return path

    def _holds(self, path: Path) -> bool:
        """Whether `path` holds the table, made from the images as they are now.

        An image that is gone counts as unchanged, so that a finished cell is recognized without its images.
        """
        try:
            images = read_json(path / _FACTS)["images"]
            root = self.source.root  # once: a source of crops looks for it on the disk
            return all(_state(root / name) in (None, tuple(state)) for name, state in images.items())
        except (OSError, KeyError, ValueError, TypeError, AttributeError):
            return False

    def _make(self, path: Path) -> None:
        root, table = self.source.root, self.source.table()
        images = sorted(set(cutting.file_column(table)))
        check_images(root, images, self.name)
        states = {name: _state(root / name) for name in images}
        seen = survey(root, table, self.image_mpp)
        refuse(root, seen, None)
        found = curate(root, table, seen, self.rules)
        below.check(path).mkdir(parents=True, exist_ok=True)  # old facts stay till the last: others may be reading them
        write_parquet(path / _TABLE, found.table)
        write_parquet(path / _REMARKS, found.remarks)
        prints = {
            "fingerprint": fingerprint(found.table),
            "fingerprint and votes": fingerprint(found.table, votes=True),
        }
        write_json(path / _FACTS, {"images": states, **prints})


@contextmanager
def lock_cached(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of `path`, a folder of the cache, while the block makes it. MitofmError if the disk refuses."""
    try:
        with lock(path.with_name(f"{path.name}.lock")) as held, guarding(path, held.require):
            yield
    except OSError as error:
        raise MitofmError(
            f"{path}: the {what} cannot be written ({error}). Make room, or choose another paths.cache (MITOFM_CACHE)"
        ) from error


def _read(path: Path) -> Curated | None:
    """The kept table, or None if it is not the one that its fingerprint is of."""
    try:
        found = Curated(*(pd.read_parquet(below.check(path / name)) for name in (_TABLE, _REMARKS)))
        right = fingerprint(found.table, votes=True) == read_json(path / _FACTS)["fingerprint and votes"]
    except (OSError, KeyError, ValueError):
        return None
    return found if right else None


def _state(file: Path) -> tuple[int, int] | None:
    """Size and modification time (ns) of a file, which stand for its content; None if it is not there."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
