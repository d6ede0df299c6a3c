"""The part of a report about one data set: which figures and tables its cells allow, and what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mitofm.reporting import contents, contrasts, laws, words
from mitofm.reporting.configurations import Group
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import Stored, adaptation_order, by_domain, measure, primary
from mitofm.reporting.forest import gap_forests, result_forests
from mitofm.reporting.matrix import domain_matrices
from mitofm.reporting.page import Chapter, Section
from mitofm.reporting.scaling import scaling_curves
from mitofm.reporting.style import slug

_PAIRED = "Same test cells on both sides; the interval is the jackknife over slides of the difference itself."


def of_dataset(stored: Stored, groups: list[Group], out: Path) -> Chapter:
    """Draw the figures and write the tables of one data set into `out`; return what the page shows of them.

    Args:
        stored: what all cells say.
        groups: the configurations of one data set; at least one has a finished cell.
        out: the folder of the report.
    """
    groups = [group for group in groups if group.done]
    dataset = groups[0].configuration.dataset
    collected = stored.collected
    done = collected.done[collected.done["dataset"] == dataset]
    positive, negative = done["positive"].iloc[0] or "positive", done["negative"].iloc[0] or "negative"
    figures = out / "figures" / slug(dataset)
    counts = Counts(collected)
    order = adaptation_order(collected, groups)

    groups.sort(
        key=lambda group: (replace(group.configuration, adaptation=""), order.index(group.configuration.adaptation))
    )
    results = measure(stored, groups)
    main, domains, gaps = primary(results), by_domain(results), contrasts.gaps(results)
    adaptations = contrasts.between_adaptations(stored, main, order)
    models = contrasts.between_models(stored, main)
    fractions = contrasts.between_fractions(stored, main)
    fitted = laws.laws(stored, main, counts, laws.levels(main))
    curves = scaling_curves(main, counts, fitted, order, figures)

    sections = []
    if curves:
        text = (
            "Points are means over seeds; bands and bars are 95 % intervals over slides; dotted lines are scaling laws."
        )
        sections.append(Section("AUROC against the number of labels", text, curves))
    else:
        text = "Dots are means over seeds; bars are 95 % intervals over slides."
        sections.append(Section("AUROC of each model and adaptation", text, result_forests(main, order, figures)))
    if adaptations:
        shown = contents.contrasts_table("adaptations", "Adaptations compared", adaptations, "adaptation", _PAIRED)
        sections.append(Section(shown.title, table=shown))
    if models:
        note = f"The model of highest AUROC minus each other; being picked as the highest flatters it. {_PAIRED}"
        shown = contents.contrasts_table("models", "Models compared", models, "model", note)
        sections.append(Section(shown.title, table=shown))
    if fractions:
        shown = contents.contrasts_table("fractions", "What more labels are worth", fractions, "labels", _PAIRED)
        sections.append(Section(shown.title, table=shown))
    if fitted:
        shown = laws.laws_table(fitted)
        sections.append(Section(shown.title, table=shown))
    matrices = domain_matrices(domains, figures)
    if matrices:
        text = "Framed: tested on other slides of the domain trained on."
        sections.append(Section("Domain trained on by domain tested on", text, matrices))
    if gaps:
        largest = max(gap.configuration.fraction for gap in gaps)
        drawn = gap_forests([gap for gap in gaps if gap.configuration.fraction == largest], order, figures)
        shown = contents.gaps_table(gaps)
        sections.append(Section(shown.title, "The figures are of the largest fraction.", drawn, shown))
    if len({result.set for result in domains}) > 1:
        shown = contents.domains_table(domains)
        sections.append(Section(shown.title, table=shown, folded=True))
    shown = contents.results_table(main)
    sections.append(Section(shown.title, table=shown))
    shown = contents.data_table(main, counts, positive, negative)
    sections.append(Section(shown.title, table=shown))
    for section in sections:
        if section.table is not None:
            section.table.write(out / "tables" / slug(dataset))

    answer = [
        *words.best_per_fraction(main, counts),
        *words.compared(adaptations),
        *words.domain_gap(gaps),
    ]
    task = f"{positive} against {negative}"
    return Chapter(dataset, task, answer, words.cautions(done), sections)
