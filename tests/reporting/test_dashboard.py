from __future__ import annotations

import re
import sys

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.reporting import dashboard

LOGGED = ["tables/unfinished", "figures/midog/scaling-all-uni", "figures/midog/cost-seconds-all"]


def test_the_spec_has_the_four_sections_and_shows_what_was_logged() -> None:
    what = dashboard.describe("mine", "mitofm", ["breast", "lung"], LOGGED)
    assert list(what["sections"]) == ["scaling", "domains", "cost", "failures"]
    sections = what["sections"]
    assert sections["scaling"][-1]["media_keys"] == ["figures/midog/scaling-all-uni"]
    assert [panel["title"] for panel in sections["domains"]] == ["AUROC-on-breast", "AUROC-on-lung"]
    assert sections["failures"][-1] == {"panel": "WeavePanelSummaryTable", "table_name": "tables/unfinished"}
    assert [panel["x"] for panel in sections["cost"][:3]] == [
        {"summary": f"cost/{name}"} for name in ("seconds", "trained_parameters", "labels")
    ]
    assert {panel.get("groupby", {}).get("config") for panel in sections["domains"]} == {"compared"}
    names = [panel["title"] for panels in sections.values() for panel in panels if "title" in panel]
    assert not [name for name in names if re.search(r"[\s:]", name)]
    nothing = dashboard.describe("mine", "mitofm", [], [])["sections"]
    assert all(panel for panels in nothing.values() for panel in panels)


def test_wandb_workspaces_takes_the_spec() -> None:
    pytest.importorskip("wandb_workspaces", reason="the extra 'dashboard' is not installed")
    what = dashboard.describe("mine", "mitofm", ["breast"], LOGGED)
    workspace, report = dashboard.build(what, None)
    assert [section.name for section in workspace.sections] == list(what["sections"])
    assert [len(section.panels) for section in workspace.sections] == list(map(len, what["sections"].values()))
    assert "Group" in workspace.runset_settings.filters
    assert len(report.blocks) == 2 * len(what["sections"])
    workspace._to_model()
    report._to_model()


def test_without_wandb_workspaces_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(MitofmError, match=r"pip install 'mitofm\[dashboard\]'"):
        dashboard.publish(dashboard.describe("mine", "mitofm", [], []), None)


def test_a_refusal_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def save(self) -> None:
            raise ValueError("no key")

    monkeypatch.setattr(dashboard, "build", lambda *_: (Refusing(), Refusing()))
    with pytest.raises(MitofmError, match=r"no key.*wandb login"):
        dashboard.publish({}, None)
