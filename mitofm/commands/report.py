"""`mitofm report study=NAME`: figures, tables and one HTML page from stored cells."""

from __future__ import annotations

from pathlib import Path

from mitofm.commands.composing import compose
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Write the report and print where it is."""
    config = plain(compose("report", arguments))
    from mitofm.reporting.report import make_report

    print(make_report(Path(config["paths"]["runs"]), config["study"], Path(config["out"])))
