"""The W&B workspace and report of a study, as plain data, and how they are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.ground.errors import MitofmError
from mitofm.training.copies.copied_names import spell_name

AUROC = {"summary": "all/auroc"}
_COSTS = {
    "AUROC-by-seconds": "cost/seconds",
    "AUROC-by-trained-parameters": "cost/trained_parameters",
    "AUROC-by-labels": "cost/labels",
}


def describe(study: str, project: str, domains: list[str], logged: list[str]) -> dict[str, Any]:
    """What is shown: sections of panels, each panel by the name of its class and with its arguments.

    `study` is the group of its runs in `project`; they were tested on `domains`. `logged` are the keys of the tables and
    figures that `mitofm report logger=...` logs.
    """
    # A model is told from its random twin by its name there.
    grouped = {"groupby": {"config": "compared"}, "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    scatter = {"y": AUROC, "legend_template": "${config:compared}"}
    summaries = {domain: {"summary": f"{spell_name(f'domain:{domain}')}/auroc"} for domain in domains}
    by_domain = [
        _make_panel("BarPlot", f"AUROC-on-{spell_name(domain)}", metrics=[summary], **grouped)
        for domain, summary in summaries.items()
    ]
    unfinished = "tables/unfinished"
    sections = {
        "scaling": [
            _make_panel("ScatterPlot", "AUROC-by-fraction", x={"config": "fraction"}, log_x=True, **scatter),
            _make_panel("BarPlot", "AUROC-by-model-and-adaptation", metrics=[AUROC], **grouped),
            _show(logged, "scaling", "differences"),
        ],
        "domains": [*by_domain, _show(logged, "matrix", "gap")],
        "cost": [
            *(
                _make_panel("ScatterPlot", name, x={"summary": cost}, log_x=True, **scatter)
                for name, cost in _COSTS.items()
            ),
            _show(logged, "cost"),
        ],
        "curves": [_show(logged, "roc", "reliability")],
        "mistakes": [_show(logged, "mistakes")],
        "failures": [
            {"panel": "MarkdownPanel", "markdown": "Runs that crashed or failed have that state in the table of runs."},
            {"panel": "WeavePanelSummaryTable", "table_name": unfinished} if unfinished in logged else {},
        ],
    }
    kept = {name: [panel for panel in panels if panel] for name, panels in sections.items()}
    shown = {name: panels for name, panels in kept.items() if panels}
    return {"project": project, "title": f"mitofm-{study}", "group": study, "sections": shown}


def publish(what: Mapping[str, Any], entity: str | None) -> list[str]:
    """Write the workspace and the report that `what` (of `describe`) describes; returns their addresses.

    Raises:
        MitofmError: wandb-workspaces is not installed, or W&B refuses.
    """
    workspace, report = build(what, entity)
    try:
        workspace.save()
        report.save()
    except Exception as error:
        raise MitofmError(
            f"W&B did not take the dashboard ({type(error).__name__}: {error}). Is there a key (wandb login), and may it "
            "write to logger.entity? `dry_run=true` shows what would be written"
        ) from error
    return [workspace.url, report.url]


def build(what: Mapping[str, Any], entity: str | None) -> tuple[Any, Any]:
    """The workspace and the report as objects of wandb-workspaces, a MitofmError without it; nothing is sent."""
    try:
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise MitofmError(
            "the dashboard needs wandb-workspaces: pip install 'mitofm[dashboard]'. `dry_run=true` does without"
        ) from error
    panels = {name: [_build_panel(reports, panel) for panel in shown] for name, shown in what["sections"].items()}
    place = {"entity": entity or "", "project": what["project"]}
    group = f"Group = '{what['group']}'"
    workspace = workspaces.Workspace(
        **place,
        name=what["title"],
        sections=[workspaces.Section(name=name, panels=shown, is_open=True) for name, shown in panels.items()],
        runset_settings=workspaces.RunsetSettings(filters=group),
    )
    blocks: list[Any] = []
    for name, shown in panels.items():
        runs = reports.Runset(**place, name=what["group"], filters=group)
        blocks += [reports.H2(text=name), reports.PanelGrid(runsets=[runs], panels=shown)]
    return workspace, reports.Report(**place, title=what["title"], blocks=blocks)


def _make_panel(kind: str, title: str, **arguments: Any) -> dict[str, Any]:
    return {"panel": kind, "title": title, **arguments}


def _show(logged: list[str], *kinds: str) -> dict[str, Any]:
    """The figures of these kinds; nothing if there are none."""
    keys = [key for key in logged if key.startswith("figures/") and key.rsplit("/", 1)[1].startswith(kinds)]
    return {"panel": "MediaBrowser", "title": "-".join(kinds), "media_keys": keys} if keys else {}


def _build_panel(reports: Any, panel: Mapping[str, Any]) -> Any:
    arguments = {name: _build_metric(reports, value) for name, value in panel.items() if name != "panel"}
    return getattr(reports, panel["panel"])(**arguments)


def _build_metric(reports: Any, value: Any) -> Any:
    """{"config": name} and {"summary": name} as the metrics they mean, alone or in a list."""
    if isinstance(value, list):
        return [_build_metric(reports, one) for one in value]
    if isinstance(value, Mapping):
        ((kind, name),) = value.items()
        return {"config": reports.Config, "summary": reports.SummaryMetric}[kind](name)
    return value
