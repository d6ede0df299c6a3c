"""The part of a report about one data set: all findings, drawn, written and gathered for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mitofm.evaluation.predictive_value import PREVALENCES
from mitofm.reporting.drawing.style import make_slug
from mitofm.reporting.filters import Filters
from mitofm.reporting.finding import Found, Measured
from mitofm.reporting.findings import FINDINGS
from mitofm.reporting.front import make_front
from mitofm.reporting.measured.configurations import Group
from mitofm.reporting.measured.estimates import measure, order_adaptations
from mitofm.reporting.measured.results import DOMAIN, pick_domains
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.page import Chapter


def write_chapter(
    stored: Stored,
    groups: list[Group],
    out: Path,
    cache: Path | None,
    prevalences: Sequence[float] = PREVALENCES,
) -> Chapter:
    """Draw the figures and write the tables of one data set into `out`; return what the page shows of them.

    All of its configurations `groups` have finished cells. Without `cache` the page shows no crops.
    """
    measured = measure_groups(stored, groups, out / "figures", cache, prevalences)
    results = measured.results
    dataset = results[0].configuration.dataset
    found = [_write_tables(finding.find(measured), out / "tables" / make_slug(dataset)) for finding in FINDINGS]
    sections = [section for one in found for section in one.sections]
    models = sorted({result.configuration.model for result in results})
    domains = sorted({result.set.removeprefix(DOMAIN) for result in pick_domains(results)})
    filters = Filters({"backbone": models, "adaptation": measured.order, "domain": domains})
    negative, positive = measured.classes
    answer, cautions = ([said for one in found for said in getattr(one, part)] for part in ("answer", "cautions"))
    headlines = [said for one in found for said in one.headlines]
    front = make_front(measured, headlines)
    return Chapter(dataset, f"{positive} against {negative}", front, answer, cautions, sections, filters)


def _write_tables(found: Found, folder: Path) -> Found:
    """Write the tables of a finding, of which a page needs less than is written."""
    sections = []
    for section in found.sections:
        if section.table is not None:
            section.table.write(folder)
            section = replace(section, table=section.table.shorten())
        sections.append(section)
    return replace(found, sections=sections)


def measure_groups(
    stored: Stored,
    groups: list[Group],
    figures: Path,
    cache: Path | None = None,
    prevalences: Sequence[float] = PREVALENCES,
) -> Measured:
    """The results of one data set's configurations, sorted, adaptations by what they train."""
    order = order_adaptations(stored.collected, groups)
    groups = sorted(
        groups, key=lambda one: (replace(one.configuration, adaptation=""), order.index(one.configuration.adaptation))
    )
    folder = figures / make_slug(groups[0].configuration.dataset)
    return Measured(stored, measure(stored, groups, prevalences), order, folder, cache, prevalences)
