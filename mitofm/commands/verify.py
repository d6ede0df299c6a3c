"""`mitofm verify CELL`: run a finished cell again and print how far its results lie apart."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mitofm.commands.composing import compose, words
from mitofm.ground.errors import MitofmError
from mitofm.ground.versions import check_way
from mitofm.runs.folder import cell_folder
from mitofm.runs.resolve import plain
from mitofm.runs.verify import rerun


def main(arguments: list[str]) -> None:
    """Print the largest differences; end with a code that is not 0 where one is beyond the tolerance."""
    (given,), overrides = words(arguments, "a cell")
    config = plain(compose("verify", overrides))
    check_way(config["versions"])
    folder = cell_folder(Path(config["paths"]["runs"]), given)
    with TemporaryDirectory(prefix="mitofm-verify-") as temporary:
        scratch = Path(config["scratch"] or temporary)
        if scratch.is_dir() and any(scratch.iterdir()):
            raise MitofmError(f"scratch={scratch} is not empty: give another")
        found = rerun(folder, config["paths"], scratch, config["versions"], print)
    print(f"{folder.name}: run again, {found.samples} test samples")
    for change in found.changed:
        print(f"  other than before: {change}")
    print(f"  largest difference of logits:  {found.logits:.3g}")
    print(f"  largest difference of metrics: {found.metrics:.3g}{f' ({found.metric})' if found.metrics else ''}")
    if not found.largest <= config["tolerance"]:
        raise MitofmError(f"{folder.name}: {found.largest:.3g} is more than tolerance={config['tolerance']:g}")
