"""The count of one slide: positions, their scores, what remains after merging, the hotspot, and their files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from mitofm.counting import outputs
from mitofm.counting.dense import lay_grid
from mitofm.counting.hotspot import Hotspot, compute_sides, find_hotspot
from mitofm.counting.intervals import count_interval, density_interval
from mitofm.counting.merging import suppress
from mitofm.counting.scoring import arrange, score_places
from mitofm.counting.settings import DENSE, Counting
from mitofm.counting.slides import Slide
from mitofm.counting.words import format_amount
from mitofm.data.images.open import open_image
from mitofm.data.proposals.blocks import CachedTiles
from mitofm.data.proposals.survey import FIELD, survey
from mitofm.data.proposals.tissue import choose_step, find_tissue
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.ground.files import read_json, write_parquet
from mitofm.inference.model import Model
from mitofm.inference.scorer import Scorer

COLUMNS = (
    "image", "slide", "domain", "mpp", "tissue_mm2", "positions_scored", "mitotic_figures", "per_mm2", "per_mm2_low",
    "per_mm2_high", "interval", "hotspot_count", "hotspot_low", "hotspot_high", "hotspot_tissue_mm2", "hotspot_left",
    "hotspot_top", "hotspot_width", "hotspot_height", "trained_on", "notes",
)  # fmt: skip
"""Of the table of slides; edges and sides of the hotspot are in px of level 0."""
_WORK = "work"
_SURVEYED = 0.15  # of the time of a slide, about: for the bar
Advance = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """A slide to count on.

    Attributes:
        slide: the slide.
        region: the region of interest on its small picture, bool (h, w); None: all tissue.
        points: x and y in px of level 0, (n, 2), to score in place of proposals.
        folder: for its files.
        advance: called with the share of the work that was done.
    """

    slide: Slide
    region: np.ndarray | None
    points: np.ndarray | None
    folder: Path
    advance: Advance


def count_slide(task: Task, scorer: Scorer, settings: Counting, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Count on a slide and write its files; a finished one is read, an interrupted one goes on.

    Args:
        task: the slide.
        scorer: the cell.
        settings: of the count.
        origin: what is said of the cell in the GeoJSON.

    Returns:
        Its row in the table of slides.

    Raises:
        MitofmError: a tile cannot be decoded, or a logit is not finite.
    """
    slide, folder = task.slide, task.folder
    if (folder / outputs.SUMMARY).is_file():
        task.advance(1)
        return read_json(folder / outputs.SUMMARY)
    if not (folder / outputs.CANDIDATES).is_file():
        _score(task, scorer, settings)
    else:
        task.advance(1)
    small = outputs.read_picture(folder)
    tissue = _find_tissue(small, slide, task.region)
    candidates = pd.read_parquet(folder / outputs.CANDIDATES)
    detections, hotspot = detect(slide, candidates, settings, scorer.model)
    summary = summarize(slide, candidates, detections, hotspot, tissue, settings)
    in_px = None if hotspot is None else hotspot.scale(1 / slide.mpp)
    outputs.write_slide(folder, detections, in_px, scorer.model.facts["labels"], origin, summary)
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    return summary


def _score(task: Task, scorer: Scorer, settings: Counting) -> None:
    """Write the small picture of a slide, and every position that was scored with its logit."""
    slide, work, advance = task.slide, task.folder / _WORK, task.advance
    with open_image(slide.path) as opened:
        image = CachedTiles(opened)
        seen = survey(image, slide.mpp, task.region, settings.per_mm2, work, lambda share: advance(_SURVEYED * share))
        tissue = _find_tissue(seen.small, slide, task.region)
        step = choose_step(slide.mpp)
        places = seen.places if task.points is None else task.points
        if settings.proposals == DENSE:
            spacing = settings.dense_step_um / slide.mpp
            places = lay_grid(tissue, step, spacing, (slide.width, slide.height))
        places = places[_look_up(tissue, places, step)]
        places = places[arrange(places)]
        rest = 1 - _SURVEYED
        logits = score_places(
            scorer, image, slide.mpp, places, work / "logits.npy", lambda share: advance(rest * share)
        )
    outputs.write_picture(task.folder, seen.small)
    table = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "logit": logits})
    write_parquet(task.folder / outputs.CANDIDATES, table)


def detect(
    slide: Slide, candidates: pd.DataFrame, settings: Counting, model: Model
) -> tuple[pd.DataFrame, Hotspot | None]:
    """The detections of a slide, highest logit first, and the hotspot of its mitotic figures, in micrometres.

    Args:
        slide: the slide.
        candidates: x, y (px) and logit of every position that was scored.
        settings: of the count.
        model: the cell.
    """
    shift, cut = read_shift(model.facts), find_threshold(settings, model)
    # What is not written down cannot suppress what is: its logit is lower.
    listed = candidates[expit(candidates["logit"] + shift) >= settings.listed_from]
    listed = pd.concat([listed, candidates.drop(listed.index).query("logit >= @cut")])
    kept = suppress(listed[["x", "y"]].to_numpy() * slide.mpp, listed["logit"].to_numpy(), settings.merge_um)
    found = listed.iloc[kept].reset_index(drop=True)
    called = call_positives(found["logit"].to_numpy(), cut)
    width, height = compute_sides(settings.area_mm2, settings.aspect)
    figures = np.flatnonzero(called)
    within = (slide.width * slide.mpp, slide.height * slide.mpp)
    hotspot = find_hotspot(found[["x", "y"]].to_numpy()[figures] * slide.mpp, width, height, within)
    inside = np.zeros(len(found), bool)
    if hotspot is not None:
        inside[figures[hotspot.rows]] = True
    names = [f"{slide.image}-{number:06d}" for number in range(len(found))]
    detections = pd.DataFrame(
        {
            "sample_id": names,
            "image": slide.image,
            "slide": slide.slide,
            "domain": slide.domain,
            "x": found["x"],
            "y": found["y"],
            "mpp": slide.mpp,
            "logit": found["logit"],
            "probability": expit(found["logit"] + shift),
            "predicted": called.astype("int64"),
            "in_hotspot": inside,
        }
    )
    return detections, hotspot


def find_threshold(settings: Counting, model: Model) -> float:
    """The log-odds from which on a position is a mitotic figure."""
    if settings.threshold is None:
        return read_logit(model.facts["threshold"])
    return float(logit(settings.threshold)) - read_shift(model.facts)


def summarize(
    slide: Slide,
    candidates: pd.DataFrame,
    detections: pd.DataFrame,
    hotspot: Hotspot | None,
    tissue: np.ndarray,
    settings: Counting,
) -> dict[str, Any]:
    """The row of a slide in the table, by `COLUMNS`: plain numbers and text, None if there is none."""
    step = choose_step(slide.mpp)
    pixel_mm2 = (step * slide.mpp / 1000) ** 2
    area = float(tissue.sum()) * pixel_mm2
    figures = detections.loc[detections["predicted"] == 1, ["x", "y"]].to_numpy()
    notes = list(slide.notes)
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"image": slide.image, "slide": slide.slide, "domain": slide.domain, "mpp": slide.mpp, "tissue_mm2": area}
    row |= {"positions_scored": len(candidates), "trained_on": slide.trained_on}
    if not area:
        notes.append(
            "no tissue was found, so nothing was counted: is this slide stained, and the region on its tissue?"
        )
        return row | {"notes": "; ".join(notes)}
    low, high, kind = density_interval(*_count_fields(figures / step, tissue, pixel_mm2))
    row |= {"mitotic_figures": len(figures), "per_mm2": len(figures) / area}
    row |= {"per_mm2_low": low, "per_mm2_high": high, "interval": kind}
    count = 0 if hotspot is None else hotspot.count
    row["hotspot_count"] = count
    row["hotspot_low"], row["hotspot_high"] = count_interval(count)
    if hotspot is None:
        notes.append("no mitotic figure was found, so there is no hotspot")
    else:
        in_px = hotspot.scale(1 / slide.mpp)
        row |= {f"hotspot_{name}": getattr(in_px, name) for name in ("left", "top", "width", "height")}
        row["hotspot_tissue_mm2"] = _measure_tissue(hotspot, tissue, step * slide.mpp)
    if area < settings.area_mm2:
        notes.append(
            f"its tissue ({format_amount(area)} mm²) is less than the hotspot's {settings.area_mm2:g} mm²: a count of it is not one of "
            "that area"
        )
    return row | {"notes": "; ".join(notes)}


def _measure_tissue(hotspot: Hotspot, tissue: np.ndarray, pixel_um: float) -> float:
    """Mm^2 of tissue in a hotspot (micrometres)."""
    x, y = ([start, start + side] for start, side in ((hotspot.left, hotspot.width), (hotspot.top, hotspot.height)))
    (left, right), (top, bottom) = (np.round(np.array(ends) / pixel_um).astype(int).clip(0) for ends in (x, y))
    return float(tissue[top:bottom, left:right].sum()) * (pixel_um / 1000) ** 2


def _find_tissue(small: np.ndarray, slide: Slide, region: np.ndarray | None) -> np.ndarray:
    tissue = find_tissue(small, choose_step(slide.mpp) * slide.mpp)
    return tissue if region is None else tissue & region


def _look_up(mask: np.ndarray, places: np.ndarray, step: int) -> np.ndarray:
    """Whether places (n, 2), px, lie on pixels of the small picture that are in `mask`: bool (n,)."""
    columns, rows = np.floor(places / step).astype(np.int64).reshape(-1, 2).T
    inside = (columns >= 0) & (rows >= 0) & (columns < mask.shape[1]) & (rows < mask.shape[0])
    found = np.zeros(len(places), bool)
    found[inside] = mask[rows[inside], columns[inside]]
    return found


def _count_fields(figures: np.ndarray, tissue: np.ndarray, pixel_mm2: float) -> tuple[np.ndarray, np.ndarray]:
    """Figures (n, 2), in px of the small picture, and mm^2 of tissue in each field: int (k,), float (k,)."""
    rows, columns = (-(-side // FIELD) for side in tissue.shape)
    areas = np.zeros((rows, columns))
    y, x = np.nonzero(tissue)
    np.add.at(areas, (y // FIELD, x // FIELD), pixel_mm2)
    counts = np.zeros((rows, columns), np.int64)
    column, row = (figures // FIELD).astype(np.int64).clip(0).reshape(-1, 2).T
    np.add.at(counts, (row, column), 1)
    return counts.ravel(), areas.ravel()
