"""`mitofm bundle STUDY`: what a study's numbers were made from, in one file for reviewers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask_about
from mitofm.ground.scratch import scratch
from mitofm.ground.terminal import tell
from mitofm.runs.bundle import check_cells, pack
from mitofm.runs.collect import collect
from mitofm.training.settings import Paths


@dataclass(frozen=True, kw_only=True)
class BundleSettings:
    """`conf/bundle.yaml`."""

    paths: Paths
    output: Path | None
    note: str
    anonymise: bool


def main(arguments: list[str]) -> None:
    """Make the report without crops, pack it with the cells, print the file and its sha256 (to publish beside it)."""
    (study,), settings = ask_about(BundleSettings, "bundle", arguments, "a study")
    runs, out = settings.paths.runs, settings.output or Path(f"{study}.zip")
    unchecked = check_cells(runs, study)  # before the report is made
    from mitofm.reporting.completeness import describe_missing
    from mitofm.reporting.report import make_report
    from mitofm.runs.anonymise import anonymise, require_no_names

    with scratch("mitofm-bundle-") as temporary:
        place, report = runs, temporary / "report"
        names = None
        if settings.anonymise:
            place = temporary / "runs"
            names = anonymise(runs, study, place)
        make_report(place, study, report, settings.paths.cache, crops=False)
        if names is not None:
            require_no_names(names, temporary, settings.note)
            told = ", ".join(f"{count} of {kind}s" for kind, count in names.count().items())
            tell(f"names replaced: {told}; those of domains, species, scanners, data sets, models, studies stay")
        collected = collect(runs, study)
        for missing in describe_missing(collected.cells, (), collected.damaged_lines, collected.lost):
            tell(f"mitofm: study {study}: {missing}", file=sys.stderr)
        if unchecked:
            told = (
                "unchecked: their DONE, of before there were checksums or emptied, cannot tell whether a number changed"
            )
            tell(f"mitofm: study {study}: {unchecked} of {len(collected.cells)} cells are {told}", file=sys.stderr)
        digest = pack(place, study, report, out, settings.note, anonymised=settings.anonymise)
    tell(f"{out}  {out.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
