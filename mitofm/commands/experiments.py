"""`mitofm experiments`: the studies that ship, each with its command."""

from __future__ import annotations

from pathlib import Path

from mitofm.ground.config import experiments_dir
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.runs.questions import find_question


def main(arguments: list[str]) -> None:
    """Print each study's name, what it asks and how to run it."""
    if arguments:
        raise MitofmError("mitofm experiments takes no arguments")
    folder = experiments_dir()
    here = Path("experiments").resolve() == folder.resolve()
    for sweep in sorted(folder.glob("*/sweep.yaml")):
        question = find_question(sweep.parent.name)
        place = Path("experiments") / sweep.parent.name if here else sweep.parent
        tell(sweep.parent.name, f"    {question}", f"    mitofm train --config-dir {place} --config-name sweep")
