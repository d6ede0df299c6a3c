"""The curated table of a data set, made once per state of its files and kept, so that images are opened only once.

A kept table is a folder: `table.parquet`, `remarks.parquet` (`mitofm.data.curation.Curated`) and `facts.json`, written last,
which says from what state of which images it was made, and the table's fingerprints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import cutting
from mitofm.data.annotations import fingerprint
from mitofm.data.curation import Curated, Rules, curate
from mitofm.data.sources.base import Source
from mitofm.data.sources.reading import check_images
from mitofm.data.survey import refuse, survey
from mitofm.ground import below, fingerprints, plugins
from mitofm.ground.config import list_targets
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum, guarding, read_json, write_json, write_parquet
from mitofm.ground.locks import NoLock, lock

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
        return _read_facts(self._ensure(self._holds))["fingerprint and votes" if votes else "fingerprint"]

    def _ensure(self, is_made: Callable[[Path], bool]) -> Path:
        """The folder of the table, made unless it `is_made`."""
        code = plugins.fingerprint_used(list_targets(self.source_config))
        key = fingerprints.of(
            {
                **({"code": code} if code else {}),
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
            images = _read_facts(path)["images"]
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
        sums = {name: fingerprints.of_file(path / name) for name in (_TABLE, _REMARKS)}
        facts = {"images": states, **prints, "sums": sums}
        write_json(path / _FACTS, facts | {"checksum": checksum(facts)})


@contextmanager
def lock_cached(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of `path`, a folder of the cache, while the block makes it. MitofmError if the disk refuses."""
    try:
        with lock(path.with_name(f"{path.name}.lock")) as held, guarding(path, held.require):
            yield
    except (OSError, NoLock) as error:
        reason = error.__cause__ if isinstance(error, NoLock) else error
        raise MitofmError(
            f"{path}: the {what} cannot be written ({reason}). Make room, or choose another paths.cache (MITOFM_CACHE)"
        ) from error


def find_kept(cache: Path) -> Iterator[tuple[Path, bool]]:
    """Every kept table in `cache`, and whether it is the one that was kept."""
    for facts in sorted((cache / "tables").glob(f"*/{_FACTS}")):
        yield facts.parent, _read(facts.parent) is not None


def _read(path: Path) -> Curated | None:
    """The kept table, or None if it is not the one that its fingerprint is of, or its remarks are others."""
    try:
        facts = _read_facts(path)
        parts = {name: below.check(path / name).read_bytes() for name in (_TABLE, _REMARKS)}
        sums = facts.get("sums", {})  # since 0.2
        if any(hashlib.sha256(parts[name]).hexdigest() != one for name, one in sums.items()):
            return None
        found = Curated(*(pd.read_parquet(BytesIO(part)) for part in parts.values()))
        right = fingerprint(found.table, votes=True) == facts["fingerprint and votes"]
    except Exception:  # pandas and Arrow raise any error on a damaged file
        return None
    return found if right else None


def _read_facts(path: Path) -> dict[str, Any]:
    """The facts of a kept table; ValueError or OSError if they are absent or damaged."""
    facts = read_json(path / _FACTS)
    stated = facts.pop("checksum", None)  # since 0.2
    if stated not in (None, checksum(facts)):
        raise ValueError("they have changed since they were written")
    return facts


def _state(file: Path) -> tuple[int, int] | None:
    """Size and modification time (ns) of a file, which stand for its content; None if it is not there."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
