"""`mitofm report study=NAME`: figures, tables and one HTML page from stored cells; with logger=default in W&B too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Share
from mitofm.ground.terminal import tell
from mitofm.training.settings import Logger, Paths

_LONG = 80
"""Characters of a folder's name; the system allows no more than 255 bytes."""


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """`conf/report.yaml`."""

    paths: Paths
    logger: Logger
    bundle: Path | None
    study: str | None
    where: str | None
    beside: Path | None
    crops: bool
    prevalence: Share | tuple[Share, ...]
    out: Path | None


def main(arguments: list[str]) -> None:
    """Write the report and print where it is."""
    settings = ask(ReportSettings, "report", [_quote_where(one) for one in arguments])
    if settings.bundle:
        _report_bundle(settings.bundle, settings)
        return
    if settings.where and settings.logger.wandb:
        raise MitofmError("where=...: W&B gets whole reports only, leave where or logger out")
    from mitofm.reporting.report import make_report

    runs, study, where = settings.paths.runs, settings.study, settings.where or ""
    out = settings.out or runs / "reports" / _name_folder(study or "all", where)
    prevalences = _list_prevalences(settings)
    tell(make_report(runs, study, out, settings.paths.cache, settings.crops, settings.beside, prevalences, where))
    if settings.logger.wandb:
        from mitofm.reporting.wandb_summary import log_report

        log_report(out, study or "all", settings.logger, runs)


def _name_folder(study: str, where: str) -> str:
    """Of a part of a study another one than that of the whole."""
    from mitofm.ground import fingerprints
    from mitofm.reporting.drawing.style import make_slug

    part = make_slug(where)
    if len(part) > _LONG:
        part = f"{part[:_LONG]}-{fingerprints.of(where)[:6]}"
    return f"{study}-{part}" if where else study


def _quote_where(argument: str) -> str:
    """As Hydra reads it as one text: its commas and "=" are ours."""
    key, _, text = argument.partition("=")
    if key != "where" or text[:1] in ("", "'", '"') or text == "null":
        return argument
    return "where='{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _list_prevalences(settings: ReportSettings) -> list[float]:
    """The stated ones, ascending, each once."""
    given = settings.prevalence
    return sorted({given} if isinstance(given, float) else set(given))


def _report_bundle(file: Path, settings: ReportSettings) -> None:
    from mitofm.evaluation.predictive_value import PREVALENCES
    from mitofm.reporting.opened import open_bundle

    for key in ("study", "beside", "where"):
        if (given := getattr(settings, key)) is not None:
            raise MitofmError(f"{key}={given}: bundle=... is the report of that file alone, leave {key} out")
    if _list_prevalences(settings) != sorted(PREVALENCES):
        raise MitofmError(
            "prevalence=...: the tables of a bundle are those that it was packed with, leave prevalence out"
        )
    opened = open_bundle(file, settings.out or Path(f"{file.stem}-report"), settings.paths.cache)
    apart = ""
    if opened.rounded:
        apart = f", but that numbers of {len(opened.rounded)} are apart by {max(opened.rounded.values()):.1g} of their size at most"
    tell(f"{file}: study {opened.study}, no byte has changed; {opened.tables} tables, all as packed{apart}")
    if opened.anonymised:
        tell("names of samples and slides were replaced by neutral ones, in their order")
    tell(opened.page)
