"""Fingerprints: short names for content, equal on every machine that holds the same content.

Those of files are remembered by path, size and modification time, so that asking again opens nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mitofm.ground.files import remember


def of(content: Any) -> str:
    """sha256 (hex) of JSON-like `content`: key order does not matter, 1 and 1.0 differ, NaN is refused."""
    return hashlib.sha256(spell(content).encode()).hexdigest()


def of_spelled(parts: Mapping[str, str]) -> str:
    """As `of`, of a map whose values are spelled already."""
    text = ",".join(f"{spell(key)}:{parts[key]}" for key in sorted(parts))
    return hashlib.sha256(f"{{{text}}}".encode()).hexdigest()


def spell(content: Any) -> str:
    """JSON-like `content` as the one text that its fingerprint is of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def of_file(path: Path) -> str:
    """sha256 (hex) of the bytes of `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Remembered:
    """Fingerprints computed once per state of their files and kept in `folder` (one small JSON each, written atomically)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, purpose: str, files: Iterable[Path], compute: Callable[[], str]) -> str:
        """The fingerprint for `purpose` of `files`; `compute` runs only if a file is new or has changed.

        `purpose` names what the fingerprint is of, and every setting that it depends on besides the files.
        """
        states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        entry = self.folder / f"{of([purpose, states])[:32]}.json"
        return remember(entry, "fingerprint", compute, purpose=purpose, files=[state[0] for state in states])

    def file(self, path: Path) -> str:
        """The remembered sha256 of the bytes of `path`."""
        return self.get("sha256", [path], lambda: of_file(path))
