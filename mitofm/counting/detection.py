"""How well figures are detected on slides that are annotated exhaustively: hits, the threshold, errors by their kind.

At every threshold the hits are a maximum matching of detections and annotated figures. Figures that detections can be matched
to form a transversal matroid (Edmonds and Fulkerson 1965, J Res Nat Bur Stand 69B:147): going down the scores, a detection is one
hit more or never one, so that one pass gives the hits at all thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mitofm.counting.matching import match
from mitofm.counting.merging import WITHIN_UM
from mitofm.evaluation import statistics
from mitofm.evaluation.count_agreement import estimate_agreement, replicate_agreement
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.files import checksum, read_json

PROPOSALS, CLASSIFIER, MERGED = "missed by the proposals", "rejected by the classifier", "merged with another"
LOOK_ALIKE, OTHER = "a look-alike", "neither"
RATES = ("f1", "precision", "recall", "proposals_recall")
AGREEMENT = ("count_bias", "count_low", "count_high", "concordance")
SUMS = "detection.json"
MISSED, FALSE = (PROPOSALS, CLASSIFIER, MERGED), (LOOK_ALIKE, OTHER)
"""The kinds of errors: figures that are not detected, and detections that are no figure."""


@dataclass(frozen=True)
class Detected:
    """What was detected on one image; positions are in micrometres.

    Attributes:
        image: its name.
        unit: the slide that it belongs to.
        domain: of its tumor.
        evaluation_set: that its slide is tested in, or "".
        mm2: of its tissue.
        figures: annotated mitotic figures, (n, 2).
        look_alikes: annotated ones, (m, 2).
        scored: every position that was scored, (p, 2).
        scores: their logits, (p,).
        places: those that remain after merging, highest logit first, (k, 2).
        logits: of these, (k,).
        hits: whether each is one hit more than those before it, bool (k,).
    """

    image: str
    unit: str
    domain: str
    evaluation_set: str
    mm2: float
    figures: np.ndarray
    look_alikes: np.ndarray
    scored: np.ndarray
    scores: np.ndarray
    places: np.ndarray
    logits: np.ndarray
    hits: np.ndarray


def find_hits(places: np.ndarray, figures: np.ndarray, distance: float = WITHIN_UM) -> np.ndarray:
    """Whether each of `places` (k, 2), in their order, makes a maximum matching with `figures` (n, 2) one larger: bool (k,)."""
    if not len(places) or not len(figures):
        return np.zeros(len(places), bool)
    near = cKDTree(figures).query_ball_point(places, distance)
    owner: dict[int, int] = {}

    def seek(place: int, seen: set[int]) -> bool:
        for figure in near[place]:
            if figure not in seen:
                seen.add(figure)
                if figure not in owner or seek(owner[figure], seen):
                    owner[figure] = place
                    return True
        return False

    return np.array([seek(place, set()) for place in range(len(places))])


def trace(images: Sequence[Detected]) -> pd.DataFrame:
    """By threshold (logit, descending, from which on a position is a detection) how many are found, and of them hits."""
    logits = np.concatenate([image.logits for image in images])
    hits = np.concatenate([image.hits for image in images])
    order = np.argsort(-logits, kind="stable")
    table = pd.DataFrame({"logit": logits[order], "found": np.arange(1, len(order) + 1), "hits": hits[order].cumsum()})
    return table.drop_duplicates("logit", keep="last", ignore_index=True)


def choose_threshold(images: Sequence[Detected]) -> float | None:
    """The threshold (log-odds) of highest F1 over all images, between two logits; None if no figure is reached.

    Of equally good ones the highest.
    """
    table, figures = trace(images), sum(len(image.figures) for image in images)
    if not table["hits"].any():
        return None
    best = int((2 * table["hits"] / (table["found"] + figures)).to_numpy().argmax())
    here = table["logit"][best]
    below = table["logit"][best + 1] if best + 1 < len(table) else here - 1
    return float((here + below) / 2)


def list_errors(image: Detected, threshold: float) -> list[dict[str, Any]]:
    """Every error on an image at a threshold: kind, x and y (micrometres), logit of the detection, or the highest within reach."""
    called = image.places[image.logits >= threshold]
    pairs = match(called, image.figures)
    reached = match(image.scored, image.figures)
    errors = []
    for row in sorted({*range(len(image.figures))} - {*pairs[:, 1]}):
        here = image.figures[row]
        near = np.hypot(*(image.scored - here).T) <= WITHIN_UM
        highest = float(image.scores[near].max()) if near.any() else None
        kind = PROPOSALS if row not in reached[:, 1] else CLASSIFIER
        if kind == CLASSIFIER and highest is not None and highest >= threshold:
            kind = MERGED
        errors.append({"kind": kind, "x": here[0], "y": here[1], "logit": highest})
    wrong = np.array(sorted({*range(len(called))} - {*pairs[:, 0]}), dtype=int)
    like = match(called[wrong], image.look_alikes)[:, 0]
    for number, row in enumerate(wrong):
        kind = LOOK_ALIKE if number in like else OTHER
        errors.append({"kind": kind, "x": called[row][0], "y": called[row][1], "logit": float(image.logits[row])})
    return errors


def sum_by_unit(images: Sequence[Detected], threshold: float) -> pd.DataFrame:
    """A row per slide: unit, domain, evaluation_set, mm2, figures, found, hits, reached (by what was scored), scored, kinds of error."""
    rows = []
    for image in images:
        called = image.logits >= threshold
        kinds = [error["kind"] for error in list_errors(image, threshold)]
        rows.append(
            {
                "unit": image.unit,
                "domain": image.domain,
                "evaluation_set": image.evaluation_set,
                "mm2": image.mm2,
                "figures": len(image.figures),
                "found": int(called.sum()),
                "hits": int(image.hits[called].sum()),
                "reached": len(match(image.scored, image.figures)),
                "scored": len(image.scored),
                **{kind: kinds.count(kind) for kind in (*MISSED, *FALSE)},
            }
        )
    return pd.DataFrame(rows).groupby(["unit", "domain", "evaluation_set"], as_index=False).sum()


def replicate_detection(sums: pd.DataFrame) -> Replicates:
    """Precision, recall, F1 and the recall of what was scored, over all slides and without each (`sum_by_unit`)."""
    by_unit = sums.groupby("unit")[["hits", "found", "figures", "reached"]].sum()
    whole = by_unit.sum()
    hits, found, figures, reached = (
        np.concatenate([[whole[name]], whole[name] - by_unit[name]]).astype(float) for name in by_unit
    )
    values = {
        "precision": _divide(hits, found),
        "recall": _divide(hits, figures),
        "f1": _divide(2 * hits, found + figures),
        "proposals_recall": _divide(reached, figures),
    }
    found_, figures_ = by_unit["found"].astype(float).tolist(), by_unit["figures"].astype(float).tolist()
    return Replicates(list(map(str, by_unit.index)), "", found_, figures_, values)


def _divide(part: np.ndarray, whole: np.ndarray) -> list[float | None]:
    return [float(one / of) if of else None for one, of in zip(part, whole, strict=True)]


def trace_froc(images: Sequence[Detected], points: int = 200) -> pd.DataFrame:
    """The free-response curve: by logit the false positives per mm^2 and the recall, at most `points` of them."""
    table = trace(images)
    mm2, figures = sum(image.mm2 for image in images), sum(len(image.figures) for image in images)
    table = table.iloc[np.unique(np.linspace(0, len(table) - 1, points).astype(int))] if len(table) else table
    return pd.DataFrame(
        {
            "logit": table["logit"],
            "false_per_mm2": (table["found"] - table["hits"]) / mm2,
            "recall": table["hits"] / max(figures, 1),
        }
    )


def estimate_detection(seeds: Sequence[pd.DataFrame]) -> dict[str, Estimate]:
    """`RATES` and, of the count of a slide, `AGREEMENT`: means over seeds with intervals over slides, from `sum_by_unit`."""
    rates = [replicate_detection(sums) for sums in seeds]
    counts = []
    for sums in seeds:
        by_unit = sums.groupby("unit")[["figures", "found"]].sum()
        figures, found = (by_unit[name].to_numpy(dtype=float) for name in ("figures", "found"))
        counts.append(replicate_agreement(figures, found, None, list(map(str, by_unit.index))))
    measured = {name: statistics.estimate(rates, name) for name in RATES}
    return measured | estimate_agreement(counts, AGREEMENT)


def read_sums(path: Path) -> pd.DataFrame | None:
    """The sums by slide that `write_detection` wrote; None if the file is damaged."""
    try:
        facts = read_json(path)
        stated = facts.pop("checksum", None)
        return pd.DataFrame(facts["slides"]) if stated == checksum(facts) else None
    except (OSError, ValueError, KeyError):
        return None
