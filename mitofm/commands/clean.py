"""`mitofm clean`: remove what is provably superseded, after a list and a question."""

from __future__ import annotations

import sys

from mitofm.commands.primary import Clean, ask
from mitofm.ground.errors import MitofmError
from mitofm.runs.leftovers import leftovers


def main(arguments: list[str]) -> None:
    """List the files and why each is superseded; remove them after a yes."""
    asked = ask(Clean, arguments)
    found = list(leftovers(asked.paths.runs, asked.paths.cache))
    for file, why in found:
        print(f"{file}: {why}")
    size = sum(file.stat().st_size for file, _ in found)
    print(f"{len(found)} files, {size / 1e6:.1f} MB")
    if not found:
        return
    if not asked.yes:
        if not sys.stdin.isatty():
            raise MitofmError("nothing was removed: add yes=true")
        if input("Remove them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return
    for file, _ in found:
        file.unlink(missing_ok=True)
    print("removed")
