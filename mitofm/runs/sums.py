"""The checksums of a cell's files, which its marker DONE holds: what a reader is given is what was measured.

DONE is JSON: of every file its size and sha256, and a checksum of this list. It lists all files that are in the folder when
the cell ends, but for what may change later: the log, which goes on, and what is left to resume. Cells of before have an
empty DONE; they stay valid, and are unchecked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mitofm.ground import below, fingerprints
from mitofm.ground.below import Outside
from mitofm.ground.files import checksum

LOG, MARKER = "log.txt", "DONE"
CHECKPOINT = "checkpoint"
INSIDE = (CHECKPOINT, "search")
"""The folders in that of a cell: its checkpoint, and the learning curves of what a search tried."""
TO_RESUME = ("checkpoint/resume.ckpt", "checkpoint/best.safetensors")
"""What is left of an interrupted training, here by name: its own module imports torch."""
_CHANGING = {LOG, "DONE", "FAILED", "SKIPPED", *TO_RESUME}
_TRIALS = "checkpoint/search"


class Unfit(ValueError):
    """A file is not what it should be; the message goes on after the file's name."""


@dataclass(frozen=True)
class Sum:
    """Size and sha256 (hex) of a file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Sum:
        """Those of a file of this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())

    def require(self, content: bytes) -> None:
        """Raise Unfit if this is not the content of the file."""
        if self.of(content) != self:
            raise Unfit("is not the file that the cell was finished with")


def list_files(folder: Path) -> list[str]:
    """The files of a cell that its DONE lists, by their paths in its folder."""
    found = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return sorted(
        name.as_posix()
        for name in found
        if name.as_posix() not in _CHANGING
        and not name.is_relative_to(_TRIALS)
        and not any(part.startswith(".") for part in name.parts)
    )


def take(folder: Path) -> str:
    """The text of DONE for the files that are in `folder` now."""
    files = {name: folder / name for name in list_files(folder)}
    return spell({name: Sum(file.stat().st_size, fingerprints.of_file(file)) for name, file in files.items()})


def spell(sums: Mapping[str, Sum]) -> str:
    """The text of DONE for these files."""
    files = {name: asdict(one) for name, one in sums.items()}
    return json.dumps({"checksum": checksum(files), "files": files}, indent=1, sort_keys=True) + "\n"


def read(folder: Path) -> dict[str, Sum] | None:
    """What the DONE in `folder` lists; None if there is none, or if it is of a cell of before.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        text = below.check(folder / MARKER).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Outside as error:
        raise Unfit(str(error)) from error
    if not text.strip():
        return None
    try:
        content = json.loads(text)
        files = content["files"]
        if content["checksum"] != checksum(files):
            raise Unfit("is damaged: its list of checksums is another one than when it was written")
        return {name: Sum(one["size"], one["sha256"]) for name, one in files.items()}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unfit("is damaged: it lists no files") from error


def is_of_checkpoint(name: str) -> bool:
    """Whether a listed file lies in the folder of the checkpoint, and may be large."""
    return Path(name).is_relative_to(CHECKPOINT)
