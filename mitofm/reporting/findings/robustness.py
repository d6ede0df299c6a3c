"""Whether the study's embeddings lie by class or by scanner, if `mitofm robustness` measured them, and whether that tells what
adapted models lose on other domains: the rank correlation over backbones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from mitofm.backbones.spec import CONTRACT
from mitofm.evaluation.kendall import measure_tau
from mitofm.evaluation.robustness import CROMA, INDEX
from mitofm.evaluation.statistics import LEVEL, Estimate
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.findings.domain_shift import measure_gaps
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import Pair
from mitofm.reporting.robustness import BY, HEADINGS, name_model, tabulate
from mitofm.reporting.tables import ADAPTATION, LABELS, SETTING, Entry, Table, make_table, show_difference
from mitofm.runs.robustness import Record, find_value, read_records

LEAST = 8
"""Of fewer backbones the interval of a rank correlation holds nearly everything."""
_ASKED = (INDEX, CROMA)


@dataclass(frozen=True)
class Prediction:
    """How robustness by a column and the gaps of one setting, fraction and adaptation rank the same backbones.

    `gap` is a gap of that setting, `correlation` is Kendall's tau-b, with its interval over backbones.
    """

    gap: Pair
    by: str
    metric: str
    backbones: int
    correlation: Estimate


def find(measured: Measured) -> Found:
    """Both; nothing if no embeddings of the study's backbones were measured."""
    records = pick_records(measured, read_records(measured.stored.collected.runs))
    if not records:
        return Found()
    sections = [show_table(tabulate(records), folded=True)]
    gaps = measure_gaps(measured.stored, measured.results) if measured.domains else []
    predictions = predict(records, gaps)
    if predictions:
        sections.append(show_table(tabulate_predictions(predictions), folded=True))
    return Found(sections, describe(predictions))


def pick_records(measured: Measured, records: Iterable[Record]) -> list[Record]:
    """Those of the study's backbones as its cells have them: the same weights, image side, recipe, normalisation, crops, precision."""
    spoken = {result.group.a_cell for result in measured.results}
    cells = measured.done[measured.done["cell"].isin(spoken)]
    known = group_by(cells.itertuples(), lambda row: (row.dataset, row.backbone, row.weights))

    def is_known(record: Record) -> bool:
        same = known.get((record.dataset, record.backbone, record.weights), [])
        return any(_is_same(record, measured.stored.collected.config(row.cell)) for row in same)

    return [record for record in records if is_known(record)]


def _is_same(record: Record, config: Mapping[str, Any]) -> bool:
    """Whether a cell has the embeddings that were measured, by all that its config is known to say."""
    backbone = config.get("backbone") or {}
    stated = [(value, find_value(config, key)) for key, value in record.seen.items()]
    stated += [(record.contract[key], backbone.get(key)) for key in CONTRACT if key in record.contract]
    return all(own is None or one == own for one, own in stated)


def predict(records: Sequence[Record], gaps: Sequence[Pair]) -> list[Prediction]:
    """Of every setting and adaptation at the largest fraction; random twins are no backbones to choose among."""
    by_name = {name_model(record): record for record in records if record.weights != "random"}
    known = [gap for gap in gaps if gap.difference.value is not None and gap.configuration.model in by_name]
    found = []
    for members in group_by(keep_largest(known), _place).values():
        for by in dict.fromkeys(by for gap in members for by in by_name[gap.configuration.model].found):
            for metric in _ASKED:
                pairs = [
                    (one.estimates[metric].value, gap.difference.value)
                    for gap in members
                    if (one := by_name[gap.configuration.model].found.get(by))
                    and one.estimates[metric].value is not None
                ]
                found.append(Prediction(members[0], by, metric, len(pairs), correlate(np.array(pairs, dtype=float))))
    return found


def _place(gap: Pair) -> tuple[str, str]:
    return gap.configuration.where, gap.configuration.adaptation


def correlate(pairs: np.ndarray) -> Estimate:
    """Kendall's tau-b of (n, 2) with the interval of Bonett and Wright (2000, Psychometrika 65:23), over other backbones."""
    if len(pairs) < LEAST:
        return Estimate(None, why=f"too few backbones: {len(pairs)}, at least {LEAST} are needed")
    tau = float(measure_tau(pairs[:, 0], pairs[:, 1]))
    if not np.isfinite(tau):
        return Estimate(None, why="all backbones are equal")
    half = float(ndtri((1 + LEVEL) / 2)) * np.sqrt(0.437 / (len(pairs) - 4))
    centre = np.arctanh(np.clip(tau, -1 + 1e-9, 1 - 1e-9))
    return Estimate(tau, float(np.tanh(centre - half)), float(np.tanh(centre + half)))


def tabulate_predictions(predictions: Sequence[Prediction]) -> Table:
    """A row for each."""
    rows = [
        [
            Entry(SETTING, one.gap.configuration.where, {"setting": one.gap.configuration.where}),
            Entry(LABELS, one.gap.configuration.share, {"fraction": one.gap.configuration.fraction}),
            Entry(ADAPTATION, one.gap.configuration.adaptation, {"adaptation": one.gap.configuration.adaptation}),
            Entry(BY, one.by, {"by": one.by}),
            Entry("ranked by", HEADINGS[one.metric], {"metric": one.metric}),
            Entry("backbones", str(one.backbones), {"backbones": one.backbones}),
            show_difference("Kendall's tau with the gap", "tau", one.correlation),
            Entry("", "", {}) if not one.correlation.why else Entry("why not", one.correlation.why),
        ]
        for one in predictions
    ]
    note = (
        "Backbones ranked by their frozen embeddings, and by in-domain minus out-of-domain AUROC of the models made of them: "
        "below 0, more robust embeddings lose less. The interval is over other backbones; that either side is measured with "
        "an error draws tau towards 0. Random twins are left out."
    )
    return make_table("robustness_predicts", "Does robustness tell what is lost on other domains?", rows, note)


def describe(predictions: Sequence[Prediction]) -> list[str]:
    """How many are decided, or that none can be."""
    known = [one for one in predictions if one.correlation.value is not None]
    if not predictions:
        return []
    what = "Whether robust embeddings lose less on other domains"
    if not known:
        return [f"{what} cannot be told: {predictions[0].correlation.why}."]
    decided = [one for one in known if one.correlation.decided]
    below = sum((one.correlation.value or 0) < 0 for one in decided)
    return [
        f"{what}: of {len(known)} rank correlations over backbones {below} are surely below 0, "
        f"{len(decided) - below} surely above, {len(known) - len(decided)} not decided."
    ]
