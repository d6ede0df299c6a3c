"""Whether the saved state of a training is the one that was saved.

torch 2.13 reads a changed bit of a checkpoint as another number (`findings/torch_load_reads_changed_bits.sh`): it does not
look at the checksums that the archive holds.
"""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from zipfile import ZipFile

from mitofm.ground import below
from mitofm.ground.files import remove

BRANCHES, STATE = "branches", ".ckpt"
"""The folder of the cache with states that longer trainings go on from (`training/branches.py`), and how their names end."""

_log = logging.getLogger(__name__)


def is_whole(file: Path) -> bool:
    """Whether every part of a checkpoint of torch has its checksum. OSError: it cannot be read."""
    try:
        with ZipFile(below.check(file)) as archive:
            return archive.testzip() is None
    except (
        Exception
    ) as error:  # of a damaged directory zipfile raises errors of many kinds, EINVAL of a place before the file
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        return False


def discard_damaged(file: Path) -> None:
    """Remove a saved state that is not the one that was saved: the training then begins anew. OSError: it cannot be read."""
    if file.is_file() and not is_whole(file):
        _log.warning("%s is damaged: the training begins anew", file)
        remove(file)
