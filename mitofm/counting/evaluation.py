"""Counts of slides that are annotated exhaustively, compared with their annotations: what is read of them, and what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.special import expit

from mitofm.counting import outputs
from mitofm.counting.detection import (
    FALSE,
    MISSED,
    SUMS,
    Detected,
    estimate_detection,
    find_hits,
    list_errors,
    sum_by_unit,
    trace_froc,
)
from mitofm.counting.merging import suppress
from mitofm.counting.slides import Slide
from mitofm.ground.csv_cells import to_csv
from mitofm.ground.files import checksum, write_json, write_text

TABLE, CURVE, ERRORS = "detection.csv", "froc.csv", "errors.csv"
ALL, DOMAIN = "all", "domain:"


def read_detected(
    folder: Path, slide: Slide, mm2: float, samples: pd.DataFrame, evaluation_set: str, merge_um: float
) -> Detected:
    """What was detected on a counted slide, from its folder.

    Args:
        folder: of the slide's count.
        slide: the slide.
        mm2: of its tissue.
        samples: annotated on its image: x, y (px), label.
        evaluation_set: that it is tested in, or "".
        merge_um: micrometres within which detections are one.
    """
    scored = pd.read_parquet(folder / outputs.CANDIDATES)
    places, logits = scored[["x", "y"]].to_numpy() * slide.mpp, scored["logit"].to_numpy()
    figures, look_alikes = (
        samples.loc[samples["label"] == label, ["x", "y"]].to_numpy(dtype=float) * slide.mpp for label in (1, 0)
    )
    kept = suppress(places, logits, merge_um)
    return Detected(
        image=slide.image,
        unit=slide.slide,
        domain=slide.domain,
        evaluation_set=evaluation_set,
        mm2=mm2,
        figures=figures,
        look_alikes=look_alikes,
        scored=places,
        scores=logits,
        places=places[kept],
        logits=logits[kept],
        hits=find_hits(places[kept], figures),
    )


def list_sets(images: Sequence[Detected]) -> dict[str, list[Detected]]:
    """The images of each evaluation set: all, those that are named, and each domain."""
    named = sorted({image.evaluation_set for image in images} - {""})
    domains = sorted({image.domain for image in images})
    sets = {ALL: list(images)} | {name: [one for one in images if one.evaluation_set == name] for name in named}
    return sets | {f"{DOMAIN}{name}": [one for one in images if one.domain == name] for name in domains}


def write_detection(
    out: Path, images: Sequence[Detected], slides: Mapping[str, Slide], threshold: float, shift: float, rule: str
) -> pd.DataFrame:
    """Write the table of sets, the free-response curves, every error and the sums by slide; return the table.

    Args:
        out: the folder.
        images: of the test slides.
        slides: by image.
        threshold: log-odds.
        shift: what calibrated log-odds have beyond the logits.
        rule: how the threshold was chosen.
    """
    sets, sums = list_sets(images), sum_by_unit(images, threshold)
    rows, curves = [], []
    for name, members in sets.items():
        mine = sums[sums["unit"].isin({image.unit for image in members})]
        if name.startswith(DOMAIN):
            mine = mine[mine["domain"] == name.removeprefix(DOMAIN)]
        row: dict[str, Any] = {"set": name, "threshold": float(expit(threshold + shift)), "threshold_rule": rule}
        row |= {"slides": mine["unit"].nunique(), "mm2": mine["mm2"].sum()}
        row |= {column: int(mine[column].sum()) for column in ("figures", "found", "hits", "scored")}
        for measure, found in estimate_detection([mine]).items():
            row |= {measure: found.value, f"{measure}_low": found.low, f"{measure}_high": found.high}
        rows.append(row | {kind: int(mine[kind].sum()) for kind in (*MISSED, *FALSE)})
        curves.append(trace_froc(members).assign(set=name))
    table, curve = pd.DataFrame(rows), pd.concat(curves, ignore_index=True)
    curve.insert(0, "probability", expit(curve.pop("logit") + shift))
    write_text(out / TABLE, to_csv(table))
    write_text(out / CURVE, to_csv(curve[["set", "probability", "false_per_mm2", "recall"]]))
    write_text(out / ERRORS, to_csv(_list_errors(images, slides, threshold, shift)))
    facts = {"threshold": threshold, "rule": rule, "slides": sums.to_dict("list")}
    write_json(out / SUMS, facts | {"checksum": checksum(facts)})  # last
    return table


def _list_errors(
    images: Sequence[Detected], slides: Mapping[str, Slide], threshold: float, shift: float
) -> pd.DataFrame:
    """Every error by image: its kind, x and y in px of the full resolution, and the probability."""
    rows = []
    for image in images:
        mpp = slides[image.image].mpp
        for error in list_errors(image, threshold):
            logit = error["logit"]
            probability = None if logit is None else float(expit(logit + shift))
            place = {axis: error[axis] / mpp for axis in "xy"}
            rows.append({"image": image.image, "kind": error["kind"], **place, "probability": probability})
    return pd.DataFrame(rows, columns=["image", "kind", "x", "y", "probability"])
