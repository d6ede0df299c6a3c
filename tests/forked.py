"""Commands in processes forked from a test's own: what they need is imported, which takes longer than what they do."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra

from mitofm import cli


def start(words: Sequence[str], place: Path, log: Path, environment: Mapping[str, str] | None = None) -> BaseProcess:
    """Type `mitofm` and `words` in the folder `place`, in a process group of its own; what it prints goes to the file `log`."""
    process = get_context("fork").Process(target=_type, args=(words, place, log, environment or {}))
    process.start()
    return process


def _type(words: Sequence[str], place: Path, log: Path, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.chdir(place)
    os.environ.update(environment)
    sys.stdout = sys.stderr = log.open("w", buffering=1)
    GlobalHydra.instance().clear()
    sys.argv = ["mitofm", *words]
    cli.main()
