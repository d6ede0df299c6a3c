"""`mitofm dashboard study=NAME`: a W&B workspace and report of a study: scaling, domains, cost, failures."""

from __future__ import annotations

from dataclasses import dataclass

from mitofm.commands.composing.asking import ask
from mitofm.ground.terminal import tell, tell_text
from mitofm.training.settings import Logger, Paths


@dataclass(frozen=True, kw_only=True)
class DashboardSettings:
    """`conf/dashboard.yaml`."""

    paths: Paths
    logger: Logger
    study: str
    dry_run: bool


def main(arguments: list[str]) -> None:
    """Write both and print their addresses, or with dry_run=true what they would hold."""
    settings = ask(DashboardSettings, "dashboard", arguments)
    import json

    import yaml

    from mitofm.reporting.dashboard import describe, publish
    from mitofm.reporting.measured.results import DOMAIN
    from mitofm.reporting.wandb_summary import list_logged
    from mitofm.runs.collect import collect

    runs, study = settings.paths.runs, settings.study
    sets = sorted(set(collect(runs, study).metrics["set"]))
    domains = [name.removeprefix(DOMAIN) for name in sets if name.startswith(DOMAIN)]
    what = describe(
        study, settings.logger.project, domains, list(list_logged(runs / "reports" / study, settings.logger.crops))
    )
    if settings.dry_run:
        shown = json.loads(json.dumps(what))
        tell_text(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, default_flow_style=False))
    else:
        tell(*publish(what, settings.logger.entity))
