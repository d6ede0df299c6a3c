"""The samples that each model and adaptation gets wrong with most confidence, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from mitofm.ground.errors import MitofmError
from mitofm.reporting.crops import read_crops
from mitofm.reporting.drawing.style import MUTED, Drawn, draw, make_slug
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import ALL, Result, collect_names
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.tables import Entry, Table, make_table, name_row

EACH, GALLERIES = 6, 12
"""How many of either class are shown, and of how many models with their adaptations."""
_SIDE = 80  # px of a crop in a figure: a page must stay small


@dataclass(frozen=True)
class Mistakes:
    """The most confident mistakes of one model and adaptation, whose predictions are those of `results`.

    `samples` has sample_id, slide, domain, label, probability (of the mean logit), times (tested).
    """

    results: Sequence[Result]
    samples: pd.DataFrame

    @property
    def title(self) -> str:
        """The model and the adaptation."""
        return self.results[0].named


def find(measured: Measured) -> Found:
    """The mistakes, with their crops if they may be shown and are on this machine, else with the reason; or nothing."""
    found, classes = find_mistakes(measured.stored, measured.results), measured.classes
    if not any(len(one.samples) for one in found):
        return Found()
    drawn: list[Drawn] = []
    text = "The crops are not shown: crops=false."
    if measured.cache is not None:
        drawn, text = draw_galleries(measured.stored, found, classes, measured.cache, measured.figures)
    if drawn:
        text = "Taken for the other class at the threshold chosen on validation samples, and farthest beyond it."
    table = tabulate(found, classes)
    return Found([Section(table.title, text, drawn, table, folded=True)])


def find_mistakes(stored: Stored, results: Iterable[Result]) -> list[Mistakes]:
    """The worst of each model and adaptation (of those of highest AUROC if they are many), at its largest fraction.

    A sample that several seeds or settings tested counts once, with the mean over them of how far its logit is beyond the
    threshold chosen there.
    """
    tested = [result for result in results if result.set == ALL and result.auroc.value is not None]
    series = group_by(tested, lambda result: result.named)
    found = [keep_largest(members) for members in series.values()]
    found.sort(key=lambda members: -max(member.auroc.value or 0.0 for member in members))
    return [Mistakes(members, _rank(stored, members)) for members in found[:GALLERIES]]


def _rank(stored: Stored, members: Sequence[Result]) -> pd.DataFrame:
    """Kept by the content of the predictions and by what their logits are compared with and calibrated by."""
    cells = [cell for member in members for cell in member.group.done.values()]
    beside = [[stored.thresholds[cell], stored.shifts[cell]] for cell in cells]
    made_of = ["mistakes", EACH, stored.spell_all(members), beside]
    found = stored.kept.get(made_of, lambda: _find_worst(stored, members).to_dict("split", index=False))
    return pd.DataFrame(**found)


def _find_worst(stored: Stored, members: Sequence[Result]) -> pd.DataFrame:
    parts = []
    for member in members:
        predictions = stored.predictions(member.group, ALL)
        for seed, part in predictions.items():
            cell = member.group.done[seed]
            logit = part["logit"].astype(float)
            parts.append(part.assign(beyond=logit - stored.thresholds[cell], logit=logit + stored.shifts[cell]))
    by_sample = pd.concat(parts).groupby(["sample_id", "slide", "domain", "label"], as_index=False)
    samples = by_sample.agg(beyond=("beyond", "mean"), logit=("logit", "mean"), times=("logit", "size"))
    samples["probability"] = expit(samples["logit"])
    samples["wrong"] = samples["beyond"] * (1 - 2 * samples["label"])
    worst = samples[samples["wrong"] > 0].sort_values(["label", "wrong", "sample_id"], ascending=[False, False, True])
    return worst.groupby("label", sort=False).head(EACH).drop(columns=["beyond", "logit", "wrong"])


def tabulate(found: Sequence[Mistakes], classes: tuple[str, str]) -> Table:
    """The samples by name; `classes` are the words for label 0 and label 1."""
    probability = f"probability of {classes[1]}"
    rows = [
        [
            *name_row(one.results[0].configuration, "")[-2:],  # the model and the adaptation
            Entry("sample", sample.sample_id, {"cell": sample.sample_id}),  # the column's name in bundles
            Entry("slide", sample.slide, {"slide": sample.slide}),
            Entry("domain", sample.domain, {"domain": sample.domain}),
            Entry("truth", classes[sample.label], {"truth": classes[sample.label]}),
            Entry("tested", str(sample.times), {"tested": sample.times, "label": sample.label}),
            Entry(probability, f"{sample.probability:.3f}", {"probability": sample.probability}),
        ]
        for one in found
        for sample in one.samples.itertuples()
    ]
    note = (
        f"Up to {EACH} of either class, at the largest fraction; a sample that several seeds or settings tested counts once, "
        "with the mean of its logits."
    )
    if len(found) == GALLERIES:
        note += f" Of {GALLERIES} models with their adaptations at most, those of highest AUROC."
    return make_table("mistakes", "The most confident mistakes", rows, note)


def draw_galleries(
    stored: Stored, found: Sequence[Mistakes], classes: tuple[str, str], cache: Path, folder: Path
) -> tuple[list[Drawn], str]:
    """A figure with the crops of each, and why there are none ("" if there are)."""
    drawn = []
    for one in found:
        try:
            data = stored.collected.config(one.results[0].group.a_cell)["data"]
        except (MitofmError, KeyError) as error:
            return [], f"The crops are not shown: {error}."
        pictures, why = read_crops(data, one.samples, cache)
        if why:
            return [], f"The crops are not shown: {why}."
        if pictures:
            drawn.append(_draw_gallery(one, pictures, classes, folder))
    return drawn, ""


def _draw_gallery(one: Mistakes, pictures: dict[str, np.ndarray], classes: tuple[str, str], folder: Path) -> Drawn:
    from PIL import Image

    stem = folder / make_slug("mistakes", one.title)
    with draw(stem, 2.75, one.title) as (_, axes):
        for row, label in enumerate((1, 0)):
            part = one.samples[one.samples["label"] == label]
            axes.text(0, -1.5 * row + 1.1, f"{classes[label]}, taken for {classes[1 - label]}", fontsize=8.5)
            for place, sample in enumerate(part.itertuples()):
                picture = Image.fromarray(pictures[sample.sample_id])
                picture = picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                extent = (place, place + 0.96, -1.5 * row, -1.5 * row + 0.96)
                axes.imshow(np.asarray(picture), extent=extent, interpolation="none")
                axes.text(place, -1.5 * row - 0.14, f"{sample.probability:.3f}", fontsize=7, color=MUTED)
        axes.set(xlim=(0, EACH), ylim=(-1.7, 1.3))
        axes.set_axis_off()
    said = "; ".join(
        f"{sample.sample_id}: {classes[sample.label]}, {sample.probability:.3f}" for sample in one.samples.itertuples()
    )
    title = f"Most confident mistakes, with the probability of {classes[1]}: {one.title}"
    return Drawn(stem, title, said, collect_names(one.results))
