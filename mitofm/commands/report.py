"""`mitofm report study=NAME`: figures, tables and one HTML page from stored cells; with logger=default in W&B too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mitofm.commands.composing import compose
from mitofm.ground.errors import MitofmError
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Write the report and print where it is."""
    config = plain(compose("report", arguments))
    if config["bundle"]:
        _report_bundle(Path(config["bundle"]), config)
    else:
        _report_study(config)


def _report_study(config: dict[str, Any]) -> None:
    from mitofm.reporting.report import make_report

    runs, study = Path(config["paths"]["runs"]), config["study"]
    out = Path(config["out"] or runs / "reports" / (study or "all"))
    beside = Path(config["beside"]) if config["beside"] else None
    print(make_report(runs, study, out, Path(config["paths"]["cache"]), config["crops"], beside))
    if config["logger"]["wandb"]:
        from mitofm.reporting.wandb_summary import log_report

        log_report(out, study or "all", config["logger"], runs)


def _report_bundle(file: Path, config: dict[str, Any]) -> None:
    from mitofm.reporting.opened import open_bundle

    for key in ("study", "beside"):
        if config[key] is not None:
            raise MitofmError(f"{key}={config[key]}: bundle=... is the report of that file alone, leave {key} out")
    opened = open_bundle(file, Path(config["out"] or f"{file.stem}-report"), Path(config["paths"]["cache"]))
    said = "all as packed"
    if opened.rounded:
        said += f", but that numbers of {len(opened.rounded)} are apart by {max(opened.rounded.values()):.1g} of their size at most"
    print(f"{file}: no byte has changed; {opened.tables} tables, {said}")
    print(opened.page)
