"""`mitofm verify CELL`: run a finished cell again and print how far its results lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask_about
from mitofm.ensembles.members import is_ensemble
from mitofm.ensembles.writing import rewrite
from mitofm.ground.errors import MitofmError
from mitofm.ground.scratch import scratch
from mitofm.ground.settings import NotNegative
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.runs.cell_names import find_cell
from mitofm.runs.folder import check_sums
from mitofm.runs.verify import compare_rerun, rerun
from mitofm.training.settings import Paths


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """`conf/verify.yaml`."""

    paths: Paths
    tolerance: NotNegative
    scratch: Path | None
    versions: Way


def main(arguments: list[str]) -> None:
    """Print the largest differences; end with a code that is not 0 if one is above the tolerance."""
    (given,), settings = ask_about(VerifySettings, "verify", arguments, "a cell")
    folder = find_cell(settings.paths.runs, given)
    with scratch("mitofm-verify-") as temporary:
        place = settings.scratch or temporary
        if place.is_dir() and any(place.iterdir()):
            raise MitofmError(f"scratch={place} is not empty: give another")
        if is_ensemble(folder):  # from its members, which are verified one by one
            check_sums(folder)
            rewrite(folder, place / "cell")
            found = compare_rerun(folder, place / "cell")
        else:
            found = rerun(folder, settings.paths, place, settings.versions, tell)
    tell(f"{folder.name}: run again, {found.samples} test samples")
    for change in found.changed:
        tell(f"  other than before: {change}")
    tell(f"  largest difference of logits:  {found.logits:.3g}")
    tell(f"  largest difference of metrics: {found.metrics:.3g}{f' ({found.metric})' if found.metrics else ''}")
    largest = max(found.logits, found.metrics)
    if not largest <= settings.tolerance:
        raise MitofmError(f"{folder.name}: {largest:.3g} is more than tolerance={settings.tolerance:g}")
