"""What the predictions of a finished cell say, measured once: metrics without each slide, by agreement of experts, counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.votes import DIVIDED, UNANIMOUS
from mitofm.evaluation import metrics, replicates
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.count_agreement import count_by_slide
from mitofm.evaluation.replicates import Replicates, Rows, replicate_sets
from mitofm.evaluation.threshold import read_logit
from mitofm.runs.folder import read_stored
from mitofm.runs.tables import read_predictions, read_split

_NAMED = ("slide", "evaluation_set")


@dataclass(frozen=True)
class Counts:
    """The counts by slide of all samples (`count_agreement.count_by_slide`).

    Attributes:
        names: slide, domain, evaluation_set, each with the names by slide.
        numbers: the other columns; NaN if not known.
    """

    names: Mapping[str, Sequence[str]]
    numbers: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """What the predictions of a cell say.

    Attributes:
        sets: by evaluation set each metric without each slide.
        agreed: by evaluation set and agreement of the experts the same of some of its samples; empty without votes.
        agreed_samples: how many these are.
        counts: by slide.
    """

    sets: Mapping[str, Replicates]
    agreed: Mapping[str, Mapping[str, Replicates]] = field(default_factory=dict)
    agreed_samples: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    counts: Counts = field(default_factory=lambda: Counts({}, {}))


def measure_cell(folder: Path, predictions: pd.DataFrame | None = None) -> Measured:
    """Read and measure the predictions of a finished cell, unless they were read before; DamagedCell if a file of it is."""
    found = read_stored(folder / "metrics.json")
    if predictions is None:
        predictions = read_predictions(folder / "predictions.parquet")
    split = read_split(folder / "split.parquet", ("part", "agreement", "target"))
    threshold, shift = read_logit(found["threshold"]), read_shift(found)
    agreed = _split_by_agreement(predictions, split)
    kinds = {
        name: {kind: replicates.replicate(part, threshold, shift) for kind, part in parts.items()}
        for name, parts in agreed.items()
    }
    # An ensemble states it: what its members were trained on is not what no member was tested on.
    prevalence = found.get("prior", {}).get("prevalence", find_prevalence(split))
    counts = count_by_slide(predictions, threshold, shift, prevalence)
    return Measured(
        replicate_sets(predictions, threshold, shift),
        kinds,
        {name: {kind: len(part) for kind, part in parts.items()} for name, parts in agreed.items()},
        Counts(
            {name: counts[name].tolist() for name in ("slide", "domain", "evaluation_set")},
            {name: counts[name].to_numpy(dtype=float) for name in counts.columns[3:]},
        ),
    )


def find_prevalence(split: pd.DataFrame) -> float | None:
    """Of positives among the training samples of a cell, to which its probabilities are calibrated; None if not known.

    If it was trained towards votes, the mean share of votes (`calibration.describe_prior`).
    """
    if "part" not in split:
        return None
    trained = split.loc[split["part"] == "train", "target" if "target" in split else "label"]
    return float(trained.mean()) if len(trained) else None


def _split_by_agreement(predictions: pd.DataFrame, split: pd.DataFrame) -> dict[str, dict[str, pd.DataFrame]]:
    """By evaluation set, but for single domains, the samples on which the experts agree and those that divide them."""
    if "agreement" not in split:
        return {}
    agreed = predictions["sample_id"].map(split.set_index("sample_id")["agreement"])
    found = {}
    for name, rows in metrics.index_sets(predictions).items():
        if not name.startswith("domain:"):
            parts = {
                kind: predictions.iloc[rows[(agreed.iloc[rows] == kind).to_numpy()]] for kind in (UNANIMOUS, DIVIDED)
            }
            found[name] = {kind: part for kind, part in parts.items() if len(part)}
    return found


def pack_samples(predictions: pd.DataFrame) -> tuple[dict[str, Any], bytes]:
    """For `unpack_samples`: of each test sample label, logit, slide and evaluation set, and its chance to be tested if known."""
    plain: dict[str, Any] = {"samples": len(predictions), "chances": "test_chance" in predictions}
    numbers = [predictions[name].to_numpy(dtype="<f8") for name in ("logit", "test_chance") if name in predictions]
    for name in _NAMED:
        codes, names = pd.factorize(predictions[name], sort=True)
        plain[name] = list(map(str, names))
        numbers.append(codes.astype("<i4"))
    numbers.append(predictions["label"].to_numpy(dtype="<i4"))
    return plain, b"".join(column.tobytes() for column in numbers)


def unpack_samples(plain: Mapping[str, Any], content: bytes) -> dict[str, np.ndarray]:
    """The columns of the predictions that diagrams are made of: slide, evaluation_set, label, logit, test_chance if known."""
    found, place, count = {}, 0, plain["samples"]

    def take(kind: str) -> np.ndarray:
        nonlocal place
        place += count * np.dtype(kind).itemsize
        return np.frombuffer(content[place - count * np.dtype(kind).itemsize : place], dtype=kind)

    for name in ("logit", "test_chance") if plain["chances"] else ("logit",):
        found[name] = take("<f8")
    for name in _NAMED:
        found[name] = np.array(plain[name], dtype=object)[take("<i4")]
    return found | {"label": take("<i4")}


def pack(measured: Measured) -> tuple[str, bytes]:
    """For `unpack`: one text, the same for all cells of one split, and the numbers as bytes."""
    numbers: list[np.ndarray] = []

    def describe(one: Replicates) -> dict[str, Any]:
        numbers.extend(one.of(name) for name in one.values)
        return {
            "slides": one.slides,
            "samples": one.samples,
            "negatives": one.negatives,
            "positives": one.positives,
            "counted": one.counted,
            "metrics": list(one.values),
        }

    plain = {
        "sets": {name: describe(one) for name, one in measured.sets.items()},
        "agreed": {name: {kind: describe(one) for kind, one in of.items()} for name, of in measured.agreed.items()},
        "agreed_samples": measured.agreed_samples,
        "counts": {"names": measured.counts.names, "numbers": list(measured.counts.numbers)},
    }
    numbers += measured.counts.numbers.values()
    return json.dumps(plain), np.concatenate(numbers).astype("<f8").tobytes()


def unpack(plain: Mapping[str, Any], content: bytes) -> Measured:
    """From the plain data in the text of `pack`, and its bytes, which are not copied."""
    numbers, place = np.frombuffer(content, dtype="<f8"), 0

    def take(count: int) -> np.ndarray:
        nonlocal place
        place += count
        return numbers[place - count : place]

    def read(one: Mapping[str, Any]) -> Replicates:
        width, names = 1 + len(one["slides"]), one["metrics"]
        values = Rows(names, take(width * len(names)).reshape(len(names), width))
        return Replicates(one["slides"], one["samples"], one["negatives"], one["positives"], values, one["counted"])

    sets = {name: read(one) for name, one in plain["sets"].items()}
    agreed = {name: {kind: read(one) for kind, one in of.items()} for name, of in plain["agreed"].items()}
    names = plain["counts"]["names"]
    slides = len(names.get("slide", ()))
    counts = Counts(names, {name: take(slides) for name in plain["counts"]["numbers"]})
    return Measured(sets, agreed, plain["agreed_samples"], counts)
