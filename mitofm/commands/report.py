"""`mitofm report study=NAME`: figures, tables and one HTML page from stored cells; with logger=default in W&B too."""

from __future__ import annotations

from pathlib import Path

from mitofm.commands.composing import compose
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Write the report and print where it is."""
    config = plain(compose("report", arguments))
    from mitofm.reporting.report import make_report

    runs, study = Path(config["paths"]["runs"]), config["study"]
    out = Path(config["out"] or runs / "reports" / (study or "all"))
    print(make_report(runs, study, out, Path(config["paths"]["cache"]), config["crops"]))
    if config["logger"]["wandb"]:
        from mitofm.reporting.wandb_summary import log_report

        log_report(out, study or "all", config["logger"], runs)
