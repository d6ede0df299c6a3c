"""`mitofm bundle STUDY`: what a study's numbers were made from, in one file for reviewers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from mitofm.commands.composing import compose, words
from mitofm.runs.bundle import pack
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Make the report without crops, pack it with the cells, print the file and its sha256 (to publish beside it)."""
    (study,), overrides = words(arguments, "a study")
    config = plain(compose("bundle", overrides))
    runs, out = Path(config["paths"]["runs"]), Path(config["output"] or f"{study}.zip")
    from mitofm.reporting.report import make_report

    with TemporaryDirectory(prefix="mitofm-bundle-") as temporary:
        report = Path(temporary) / "report"
        make_report(runs, study, report, Path(config["paths"]["cache"]), crops=False)
        digest = pack(runs, study, report, out, config["note"])
    print(f"{out}  {out.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
