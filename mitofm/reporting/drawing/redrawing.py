"""Figures that were drawn before, of the very same calls, are taken from the cache: drawing is what a report takes longest for.

All that reaches a figure goes through calls of its axes. These are noted with their arguments, and a figure is kept under the
fingerprint of its calls, of the code, and of the libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mitofm.ground import context
from mitofm.ground.stowed import fetch, forget, stow
from mitofm.reporting.measured.kept import DAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FOLDER = "figures"
_cache: ContextVar[Path | None] = ContextVar("cache", default=None)


@contextmanager
def keeping_figures(cache: Path) -> Iterator[None]:
    """Figures that are drawn in the block are kept in `cache`; at its end those are forgotten that no report uses any more."""
    token = _cache.set(cache / _FOLDER)
    try:
        yield
        forget(cache / _FOLDER, ".figure", DAYS)
    finally:
        _cache.reset(token)


class Calls:
    """The calls by which a figure is made."""

    def __init__(self, *made_of: Any) -> None:
        self._noted = hashlib.sha256()
        self.note(made_of)

    def watch(self, part: Any) -> Any:
        """A stand-in of the figure or its axes that notes what is called."""
        return _Watched(part, self)

    def note(self, value: Any) -> None:
        """Take a value into the fingerprint."""
        self._noted.update(_spell(value))

    def find(self, figure: Figure) -> Path | None:
        """Where a figure of these calls is kept, now or later; None if none are kept."""
        folder = _cache.get()
        if folder is None:
            return None
        for part in (part for axes in figure.axes for part in axes.get_children()):
            places = part.get_xydata() if hasattr(part, "get_xydata") else None  # of marks that were made elsewhere
            self.note([type(part).__name__, part.get_gid(), part.get_url(), part.get_label(), places])
        self.note([context.of_code(), version("matplotlib")])
        return folder / f"{self._noted.hexdigest()[:32]}.figure"


def bring(entry: Path | None, stem: Path, endings: Sequence[str]) -> bool:
    """Write the files of a figure that was kept; False if it was not."""
    found = None if entry is None else fetch(entry, used=True)
    if found is None or [ending for ending, _ in found[0]] != list(endings):
        return False
    sizes, content = found
    for ending, size in sizes:
        Path(f"{stem}.{ending}").write_bytes(content[:size])
        content = content[size:]
    return True


def keep(entry: Path | None, stem: Path, endings: Sequence[str]) -> None:
    """Keep the files of a figure; nothing if none are kept."""
    if entry is not None:
        with suppress(OSError):  # then it is drawn again
            parts = [Path(f"{stem}.{ending}").read_bytes() for ending in endings]
            stow(entry, [[ending, len(part)] for ending, part in zip(endings, parts, strict=True)], b"".join(parts))


class _Watched:
    """Stands for a part of a figure; parts of it are watched too."""

    def __init__(self, part: Any, calls: Calls) -> None:
        self._part, self._calls = part, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return _Watched(found, self._calls) if hasattr(found, "findobj") else found

        def call(*given: Any, **named: Any) -> Any:
            self._calls.note([name, given, named])
            return found(*map(_strip, given), **{key: _strip(value) for key, value in named.items()})

        return call


def _strip(value: Any) -> Any:
    return value._part if isinstance(value, _Watched) else value


def _spell(value: Any) -> bytes:
    """A value as bytes: numbers with every digit; of an object of a library that holds none of ours its class."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
    if isinstance(value, Mapping):
        return b"{" + b",".join(_spell(str(key)) + b":" + _spell(value[key]) for key in sorted(value, key=str)) + b"}"
    if isinstance(value, list | tuple | range | np.ndarray):
        return b"[" + b",".join(map(_spell, value)) + b"]"
    if isinstance(value, str | int | float | bool | np.generic) or value is None:
        return f"{type(value).__name__} {value!r}".encode()
    return type(_strip(value)).__qualname__.encode()
