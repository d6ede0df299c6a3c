"""`mitofm clean`: list superseded files, ask, and remove them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from mitofm.commands.composing.asking import ask
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import remove
from mitofm.ground.terminal import tell
from mitofm.runs.leftovers import find_leftovers
from mitofm.training.settings import Paths


@dataclass(frozen=True, kw_only=True)
class CleanSettings:
    """`conf/clean.yaml`."""

    paths: Paths
    yes: bool


def main(arguments: list[str]) -> None:
    """List the files and why each is superseded; remove them after a yes."""
    settings = ask(CleanSettings, "clean", arguments)
    found = list(find_leftovers(settings.paths.runs, settings.paths.cache))
    for file, why in found:
        tell(f"{file}: {why}")
    size = sum(file.stat().st_size for file, _ in found)
    tell(f"{len(found)} files, {size / 1e6:.1f} MB")
    if not found:
        return
    if not settings.yes and not sys.stdin.isatty():
        raise MitofmError("nothing was removed: add yes=true")
    if not settings.yes and input("Remove them? [y/N] ").strip().lower() not in ("y", "yes"):
        tell("nothing was removed")
        return
    for file, _ in found:
        remove(file)
    tell("removed")
