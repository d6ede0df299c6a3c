"""`mitofm clean`: remove what is provably superseded, after a list and a question."""

from __future__ import annotations

import sys
from pathlib import Path

from mitofm.commands.composing import compose
from mitofm.ground.errors import MitofmError
from mitofm.runs.leftovers import leftovers
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """List the files and why each is superseded; remove them after a yes."""
    config = plain(compose("clean", arguments))
    found = list(leftovers(Path(config["paths"]["runs"]), Path(config["paths"]["cache"])))
    for file, why in found:
        print(f"{file}: {why}")
    size = sum(file.stat().st_size for file, _ in found)
    print(f"{len(found)} files, {size / 1e6:.1f} MB")
    if not found:
        return
    if not config["yes"]:
        if not sys.stdin.isatty():
            raise MitofmError("nothing was removed: add yes=true")
        if input("Remove them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return
    for file, _ in found:
        file.unlink(missing_ok=True)
    print("removed")
