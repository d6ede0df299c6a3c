"""The part of a report about one data set: which figures and tables its cells allow, and what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mitofm.evaluation.comparisons import Comparisons
from mitofm.reporting import (
    agreement,
    calibration,
    contents,
    contrasts,
    cost,
    laws,
    mistakes,
    shift,
    shift_tables,
    stated,
    words,
)
from mitofm.reporting.configurations import Group
from mitofm.reporting.contrasts import Contrast
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import DOMAIN, Result, Stored, adaptation_order, by_domain, measure, primary
from mitofm.reporting.filters import Filters
from mitofm.reporting.forest import contrast_forests, gap_forests, result_forests, stated_forest
from mitofm.reporting.grouped import at_largest
from mitofm.reporting.matrix import domain_matrices
from mitofm.reporting.page import Chapter, Section
from mitofm.reporting.scaling import scaling_curves
from mitofm.reporting.style import Drawn, slug
from mitofm.reporting.tables import Table

_PAIRED = "Same test cells on both sides; the interval is the jackknife over slides of the difference itself."


def of_dataset(stored: Stored, groups: list[Group], out: Path, cache: Path, crops: bool = True) -> Chapter:
    """Draw the figures and write the tables of one data set into `out`; return what the page shows of them.

    Args:
        stored: what all cells say.
        groups: the configurations of one data set; at least one has a finished cell.
        out: the folder of the report.
        cache: the folder that holds the patch stores, if any.
        crops: whether the page may show crops.
    """
    groups = [group for group in groups if group.done]
    dataset = groups[0].configuration.dataset
    done = stored.collected.done[stored.collected.done["dataset"] == dataset]
    positive, negative = done["positive"].iloc[0] or "positive", done["negative"].iloc[0] or "negative"
    figures = out / "figures" / slug(dataset)
    counts, order = Counts(stored.collected), adaptation_order(stored.collected, groups)

    groups.sort(
        key=lambda group: (replace(group.configuration, adaptation=""), order.index(group.configuration.adaptation))
    )
    results = measure(stored, groups)
    main = primary(results)
    adaptations = contrasts.between_adaptations(stored, main, order)
    said, about_domains = _domains(stored, results, counts, order, figures)
    about_stated, answered = _stated(stored, results, figures)
    sections = [
        *about_stated,
        *_labels(stored, main, counts, order, figures),
        *_compared(stored, main, adaptations, figures),
        *about_domains,
        *_priced(stored, main, order, figures),
        *_calibrated(stored, main, order, figures),
        *_agreed(stored, main),
        *_mistaken(stored, results, (negative, positive), cache if crops else None, figures),
        _tabled(contents.results_table(main)),
        _tabled(contents.data_table(main, counts, positive, negative)),
    ]
    for section in sections:
        if section.table is not None:
            section.table.write(out / "tables" / slug(dataset))

    answer = [*answered, *words.best_per_fraction(main, counts), *words.compared(adaptations), *said]
    cautions = words.cautions(done)
    if about_domains:
        cautions += shift.confounded(stored.collected.split(done["cell"].iloc[0]))
    filters = Filters(
        {
            "backbone": sorted({group.configuration.model for group in groups}),
            "adaptation": order,
            "domain": sorted({result.set.removeprefix(DOMAIN) for result in by_domain(results)}),
        }
    )
    return Chapter(dataset, f"{positive} against {negative}", answer, cautions, sections, filters)


def _stated(stored: Stored, results: list[Result], figures: Path) -> tuple[list[Section], list[str]]:
    """What the study asked before it ran, answered: a figure, a table and sentences; nothing where it stated nothing."""
    if stored.collected.stated is None:
        return [], []
    asked = Comparisons.from_config(stored.collected.stated)
    found, unequal = stated.answers(stored, results, asked)
    said = stated.sentences(found, unequal, asked)
    if not found:
        return [Section("Comparisons stated before the runs", stated.unanswered(found, unequal, asked))], said
    shown = stated.stated_table(found, unequal, asked)
    drawn = stated_forest(found, shown, asked, figures)
    return [Section(shown.title, figures=drawn, table=shown)], said


def _labels(stored: Stored, main: list[Result], counts: Counts, order: list[str], figures: Path) -> list[Section]:
    """AUROC over labels and its laws; a forest plot where there is one amount of labels only."""
    fitted = laws.laws(stored, main, counts, laws.levels(main))
    curves = scaling_curves(main, counts, fitted, order, figures)
    if not curves:
        text = "Dots are means over seeds; bars are 95 % intervals over slides."
        return [Section("AUROC of each model and adaptation", text, result_forests(main, order, figures))]
    text = "Points are means over seeds; bands and bars are 95 % intervals over slides; dotted lines are scaling laws."
    sections = [Section("AUROC against the number of labels", text, curves)]
    return [*sections, _tabled(laws.laws_table(fitted))] if fitted else sections


def _compared(stored: Stored, main: list[Result], adaptations: list[Contrast], figures: Path) -> list[Section]:
    """Paired differences along each axis."""
    forests = contrast_forests(adaptations, figures)
    drawn = [Section("Paired differences of adaptations", "At the largest fraction.", forests)] if forests else []
    picked = f"The model of highest AUROC minus each other; being picked as the highest flatters it. {_PAIRED}"
    along = [
        ("adaptations", "Adaptations compared", adaptations, "adaptation", _PAIRED),
        ("models", "Models compared", contrasts.between_models(stored, main), "model", picked),
        ("fractions", "What more labels are worth", contrasts.between_fractions(stored, main), "labels", _PAIRED),
    ]
    tables = [
        _tabled(contents.contrasts_table(name, title, found, axis, note))
        for name, title, found, axis, note in along
        if found
    ]
    return [*drawn, *tables]


def _priced(stored: Stored, main: list[Result], order: list[str], figures: Path) -> list[Section]:
    """AUROC against what it costs."""
    found = cost.costs(stored.collected, main)
    shown = cost.cost_table(found, stored.collected)
    text = (
        "At the largest fraction. The dashed line joins what nothing beats in cost and AUROC at once. The seconds of a "
        "frozen model leave out the features that an earlier cell has computed. What trains nothing has no place on "
        "the scale of trained parameters."
    )
    plots = cost.cost_plots(found, order, figures)
    return [Section("AUROC against cost", text if plots else "", plots, shown, folded=True)] if found else []


def _calibrated(stored: Stored, main: list[Result], order: list[str], figures: Path) -> list[Section]:
    """Reliability diagrams."""
    found = calibration.calibrations(stored, main)
    text = "On the grey line a probability is what it says. Bars are 95 % intervals over slides."
    drawn = calibration.reliability_diagrams(found, order, figures)
    return [Section("Reliability", text, drawn, calibration.reliability_table(found), folded=True)]


def _agreed(stored: Stored, main: list[Result]) -> list[Section]:
    """What experts agree on and what divides them; nothing of data sets without votes."""
    found = agreement.by_agreement(stored, main)
    return [_tabled(agreement.agreement_table(found), folded=True)] if found else []


def _mistaken(
    stored: Stored, results: list[Result], words_of: tuple[str, str], cache: Path | None, figures: Path
) -> list[Section]:
    """The most confident mistakes, with their crops where they may be shown and are here; nothing where there is none."""
    found = mistakes.mistakes(stored, results)
    if not any(len(one.cells) for one in found):
        return []
    drawn: list[Drawn] = []
    why = "The crops are not shown: crops=false."
    if cache is not None:
        drawn, why = mistakes.galleries(stored, found, words_of, cache, figures)
    text = (
        "Taken for the other class at the threshold chosen on validation cells, and farthest beyond it."
        if drawn
        else why
    )
    return [Section("The most confident mistakes", text, drawn, mistakes.mistakes_table(found, words_of), folded=True)]


def _domains(
    stored: Stored, results: list[Result], counts: Counts, order: list[str], figures: Path
) -> tuple[list[str], list[Section]]:
    """What a change of domain costs: sentences, and figures and tables; nothing where there is one domain only."""
    domains = by_domain(results)
    if len({result.set for result in domains}) < 2:
        return [], []
    gaps, columns = contrasts.gaps(stored, results), shift.column_gaps(stored, domains, counts)
    extremes, rankings = shift.extremes(domains), shift.rankings(domains)
    sections = []
    matrices = domain_matrices(domains, figures)
    if matrices:
        text = "Framed: tested on other slides of the domain trained on."
        sections.append(Section("Domain trained on by domain tested on", text, matrices))
    if gaps:
        drawn = gap_forests(at_largest(gaps), order, figures)
        shown = contents.gaps_table(gaps)
        sections.append(Section(shown.title, "The figures are of the largest fraction.", drawn, shown))
    if columns:
        sections.append(_tabled(shift_tables.column_gaps_table(columns)))
    if extremes:
        sections.append(_tabled(shift_tables.extremes_table(extremes)))
    if rankings:
        sections.append(_tabled(shift_tables.rankings_table(rankings), folded=True))
    sections.append(_tabled(shift_tables.transfer_table(domains), folded=True))
    sections.append(_tabled(contents.domains_table(domains), folded=True))
    said = [*words.domain_gap(gaps), *words.foreign_training(columns), *words.worst_domains(extremes)]
    return said, sections


def _tabled(shown: Table, folded: bool = False) -> Section:
    return Section(shown.title, table=shown, folded=folded)
