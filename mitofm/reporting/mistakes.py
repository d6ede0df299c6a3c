"""The cells that each model and adaptation gets wrong with most confidence, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from mitofm.errors import MitofmError
from mitofm.reporting.cells import Cell
from mitofm.reporting.crops import crops
from mitofm.reporting.estimates import ALL, Result, Stored
from mitofm.reporting.filters import named
from mitofm.reporting.grouped import at_largest, grouped
from mitofm.reporting.style import MUTED, Drawn, canvas, slug
from mitofm.reporting.tables import Table, table

EACH, GALLERIES = 6, 12
"""How many of either class are shown, and of how many models with their adaptations."""
_SIDE = 80  # px of a crop in a figure: a page must stay small


@dataclass(frozen=True)
class Mistakes:
    """The most confident mistakes of one model and adaptation.

    Attributes:
        results: what its predictions are taken from.
        cells: sample_id, slide, domain, label, probability (of the mean logit), times (tested).
    """

    results: Sequence[Result]
    cells: pd.DataFrame

    @property
    def title(self) -> str:
        """The model and the adaptation."""
        return self.results[0].named


def mistakes(stored: Stored, results: Iterable[Result]) -> list[Mistakes]:
    """For each model and adaptation (those of highest AUROC where they are many), at its largest fraction.

    A cell that several seeds or settings tested counts once, with the mean over them of how far its logit is beyond the
    threshold chosen there.

    Args:
        stored: the predictions.
        results: on all test cells.
    """
    tested = [result for result in results if result.set == ALL and result.auroc.value is not None]
    series = grouped(tested, lambda result: result.named)
    found = [at_largest(members) for members in series.values()]
    found.sort(key=lambda members: -max(member.auroc.value or 0.0 for member in members))
    return [Mistakes(members, _worst(stored, members)) for members in found[:GALLERIES]]


def _worst(stored: Stored, members: Sequence[Result]) -> pd.DataFrame:
    parts = []
    for member in members:
        predictions = stored.predictions(member.group, ALL)
        for seed, part in predictions.items():
            threshold = stored.thresholds[member.group.done[seed]]
            parts.append(part.assign(beyond=part["logit"].astype(float) - threshold))
    by_cell = pd.concat(parts).groupby(["sample_id", "slide", "domain", "label"], as_index=False)
    cells = by_cell.agg(beyond=("beyond", "mean"), logit=("logit", "mean"), times=("logit", "size"))
    cells = cells.assign(probability=expit(cells["logit"]), wrong=cells["beyond"] * (1 - 2 * cells["label"]))
    worst = cells[cells["wrong"] > 0].sort_values(["label", "wrong", "sample_id"], ascending=[False, False, True])
    return worst.groupby("label", sort=False).head(EACH).drop(columns=["beyond", "logit", "wrong"])


def mistakes_table(found: Sequence[Mistakes], words: tuple[str, str]) -> Table:
    """The cells by name; `words` are those of label 0 and label 1."""
    rows = []
    for one in found:
        key = one.results[0].configuration
        for cell in one.cells.itertuples():
            named_by = {"model": key.model, "adaptation": key.adaptation, "cell": cell.sample_id, "slide": cell.slide}
            named_by |= {"domain": cell.domain, "truth": words[cell.label], "tested": str(cell.times)}
            probability = {"label": cell.label, "probability": cell.probability}
            rows.append(
                [
                    *(Cell(name, value, {name: value}) for name, value in named_by.items()),
                    Cell(f"probability of {words[1]}", f"{cell.probability:.3f}", probability),
                ]
            )
    note = (
        f"Up to {EACH} of either class, at the largest fraction; a cell that several seeds or settings tested counts once, "
        "with the mean of its logits."
    )
    if len(found) == GALLERIES:
        note += f" Of {GALLERIES} models with their adaptations at most, those of highest AUROC."
    return table("mistakes", "The most confident mistakes", rows, note)


def galleries(
    stored: Stored, found: Sequence[Mistakes], words: tuple[str, str], cache: Path, folder: Path
) -> tuple[list[Drawn], str]:
    """A figure with the crops of each, and why there are none ("" where there are)."""
    drawn = []
    for one in found:
        try:
            data = stored.collected.config(one.results[0].group.a_cell)["data"]
        except (MitofmError, KeyError) as error:
            return [], f"The crops are not shown: {error}."
        pictures, why = crops(data, one.cells, cache)
        if why:
            return [], f"The crops are not shown: {why}."
        if pictures:
            drawn.append(_gallery(one, pictures, words, folder))
    return drawn, ""


def _gallery(one: Mistakes, pictures: dict[str, np.ndarray], words: tuple[str, str], folder: Path) -> Drawn:
    from PIL import Image

    stem = folder / slug("mistakes", one.title)
    with canvas(stem, height=2.75) as (_, axes):
        for row, label in enumerate((1, 0)):
            part = one.cells[one.cells["label"] == label]
            axes.text(0, -1.5 * row + 1.1, f"{words[label]}, taken for {words[1 - label]}", fontsize=8.5)
            for place, cell in enumerate(part.itertuples()):
                picture = Image.fromarray(pictures[cell.sample_id])
                picture = picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
                extent = (place, place + 0.96, -1.5 * row, -1.5 * row + 0.96)
                axes.imshow(np.asarray(picture), extent=extent, interpolation="none")
                axes.text(place, -1.5 * row - 0.14, f"{cell.probability:.3f}", fontsize=7, color=MUTED)
        axes.set(xlim=(0, EACH), ylim=(-1.7, 1.3), title=one.title)
        axes.set_axis_off()
    said = "; ".join(
        f"{cell.sample_id}: {words[cell.label]}, {cell.probability:.3f}" for cell in one.cells.itertuples()
    )
    return Drawn(
        stem, f"Most confident mistakes, with the probability of {words[1]}: {one.title}", said, named(one.results)
    )
