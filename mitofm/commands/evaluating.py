"""`mitofm count CELL data=NAME evaluate=true`: the threshold from the cell's validation slides, then its test slides once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from mitofm.counting.count import find_threshold
from mitofm.counting.detection import AGREEMENT, FALSE, MISSED, RATES, Detected, choose_threshold
from mitofm.counting.evaluation import ALL, DOMAIN, read_detected, write_detection
from mitofm.counting.folder import name_slides
from mitofm.counting.settings import Counting
from mitofm.counting.slides import Slide, list_unannotated, read_sides
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.reporting.drawing.detection import draw_detection
from mitofm.reporting.numbers import format_difference, format_interval

if TYPE_CHECKING:
    from mitofm.data.dataset import Dataset
    from mitofm.inference.model import Model

VALIDATION, TEST = "validation", "test"
Count = Callable[[Sequence[Slide], Counting, Path], list[dict[str, Any]]]


def evaluate(
    model: Model, dataset: Dataset, slides: Sequence[Slide], counting: Counting, out: Path, count: Count
) -> None:
    """Count on the validation slides and choose the threshold, count on the test slides with it, compare, and write.

    Args:
        model: the cell.
        dataset: the slides'.
        slides: all of them.
        counting: the settings; a stated threshold is taken as it is.
        out: the folder.
        count: counts on slides into a folder, and gives their rows.
    """
    sides = read_sides(dataset.card.name, model)
    validation = [one for one in slides if sides is not None and sides.get(one.slide) == (VALIDATION, "")]
    tested = {one.image: "" for one in slides}
    if sides is not None:
        tested = {one.image: sides[one.slide][1] for one in slides if sides.get(one.slide, ("", ""))[0] == TEST}
    if not tested:
        raise MitofmError(f"evaluate=true: no slide of data set {dataset.card.name!r} is a test slide of this cell")
    samples = dataset.table()

    def read(listed: Sequence[Slide], folder: Path, settings: Counting) -> list[Detected]:
        rows = count(listed, settings, folder)
        named = zip(listed, name_slides(listed), rows, strict=True)
        return [
            read_detected(folder / name, slide, row["tissue_mm2"], samples[samples["image"] == slide.image],
                          tested.get(slide.image, ""), settings.merge_um)
            for slide, name, row in named
        ]  # fmt: skip

    shift, rule = read_shift(model.facts), "stated" if counting.threshold is not None else "the cell's"
    if counting.threshold is None and validation:
        chosen = choose_threshold(read(validation, out / VALIDATION, counting))
        if chosen is not None:
            counting = replace(counting, threshold=float(np.clip(expit(chosen + shift), 1e-12, 1 - 1e-12)))
            rule = f"highest F1 on {len(validation)} validation images"
    listed = [one for one in slides if one.image in tested]
    images = read(listed, out / TEST, counting)
    by_image = {one.image: one for one in listed}
    table = write_detection(out, images, by_image, find_threshold(counting, model), shift, rule)
    draw_detection(out, images, find_threshold(counting, model), model.facts["labels"]["1"])
    if without := list_unannotated(slides):
        tell(
            f"images beside these without a sample: {len(without)}, such as {without[0]}: they are not counted on, and what would "
            "be found there is in no number"
        )
    named = [name for name in table["set"] if not name.startswith(DOMAIN)]
    for row in table.to_dict("records"):
        if row["set"] in named or len(named) == 1:  # else the table alone has the domains
            tell(*say(row))


def say(row: Mapping[str, Any]) -> list[str]:
    """An evaluation set in a line; of all test slides also the threshold and the errors."""
    found = {}
    for name in (*RATES, *AGREEMENT):
        value, low, high = (_none(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
        found[name] = Estimate(value, low, high)
    said = (
        f"{row['set'].removeprefix(DOMAIN)}: F1 {format_interval(found['f1'])}, precision {format_interval(found['precision'])}, "
        f"recall {format_interval(found['recall'])}; proposals alone {format_interval(found['proposals_recall'])}; count of a "
        f"slide {format_difference(found['count_bias'])} off; {row['figures']} figures on {row['slides']} slides"
    )
    if row["set"] != ALL:
        return [said]
    errors = ", ".join(f"{row[kind]} {kind}" for kind in MISSED)
    false = ", ".join(f"{row[kind]} {kind}" for kind in FALSE)
    return [
        f"threshold {row['threshold']:.3g} ({row['threshold_rule']})",
        said,
        f"figures missed: {errors}; false: {false}",
    ]


def _none(value: float | None) -> float | None:
    """Tables of pandas have NaN for None."""
    return None if value is None or np.isnan(value) else value
