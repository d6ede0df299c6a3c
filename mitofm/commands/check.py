"""`mitofm check [study=NAME] [BUNDLE ...]`: read everything, and name what is damaged and what mends it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.training.settings import Paths


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """`conf/check.yaml`."""

    paths: Paths
    study: str | None


def main(arguments: list[str]) -> None:
    """Print a line for each damaged thing, and how many of each kind are whole, unchecked and damaged.

    Raises:
        MitofmError: something is damaged, or there is no such study.
    """
    settings = ask(CheckSettings, "check", [one for one in arguments if "=" in one])
    from mitofm.runs.check import DAMAGED, KINDS, UNCHECKED, WHOLE, check, check_bundle

    counts: Counter[tuple[str, str]] = Counter()
    bundles = (check_bundle(Path(file)) for file in arguments if "=" not in file)
    for found in (*check(settings.paths.runs, settings.study, settings.paths.cache), *bundles):
        counts[found.kind, found.state] += 1
        if found.told:
            tell(f"{found.state}  {found.told}")
    states = (WHOLE, UNCHECKED, DAMAGED)
    tell(f"{'':14}" + "".join(f"{state:>11}" for state in states))
    for kind in KINDS:
        tell(f"{kind:14}" + "".join(f"{counts[kind, state]:11d}" for state in states))
    if any(counts[kind, UNCHECKED] for kind in KINDS):
        tell("unchecked: of before there were checksums; they can be read, and nothing tells whether a number changed")
    if damaged := sum(counts[kind, DAMAGED] for kind in KINDS):
        raise MitofmError(f"{damaged} of {counts.total()} are damaged: each line above ends with what mends it")
