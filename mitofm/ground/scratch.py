"""Temporary folders that are removed even if their process is killed: by the next one that makes such a folder there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mitofm.ground.processes import has_ended, make_mark


def make_scratch(prefix: str, place: Path | None = None) -> Path:
    """A new folder in `place`, by default the system's for temporary files, that only this user can read.

    Folders of this user with the same prefix whose processes have ended are removed first. OSError if none can be made.
    """
    place = place or Path(tempfile.gettempdir())
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):
            is_ours = folder.lstat().st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink()
            if is_ours and has_ended(folder.name.removeprefix(prefix)):
                shutil.rmtree(folder, ignore_errors=True)
    folder = place / f"{prefix}{make_mark()}"
    folder.mkdir(mode=0o700)
    return folder


@contextmanager
def scratch(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Yield a folder as `make_scratch` makes it, and remove it."""
    folder = make_scratch(prefix, place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
