"""The mean log-odds of several cells: each first on one scale, fitted on its validation samples. Test samples decide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from mitofm.ensembles.members import Member, require_fit
from mitofm.evaluation import threshold
from mitofm.evaluation.calibration import fit_platt, read_shift
from mitofm.evaluation.metrics import auroc, summarise
from mitofm.evaluation.weighing import weigh
from mitofm.ground.errors import MitofmError
from mitofm.runs.choice import TRIED, count_tried
from mitofm.runs.measured import find_prevalence


@dataclass(frozen=True)
class Part:
    """What a member adds to the mean: `weight * (intercept + slope * logit)`."""

    weight: float
    intercept: float
    slope: float

    def place(self, logits: np.ndarray) -> np.ndarray:
        """The member's logits on the scale of all."""
        return self.intercept + self.slope * logits


@dataclass(frozen=True)
class Combined:
    """The ensemble of some cells.

    Attributes:
        predictions: as in a cell.
        validation: as in a cell; None if members have none, or are tested on each other's.
        metrics: what `metrics.json` holds.
        parts: of the members, in their order.
        same: whether all are tested on the same samples.
    """

    predictions: pd.DataFrame
    validation: pd.DataFrame | None
    metrics: dict[str, Any]
    parts: tuple[Part, ...]
    same: bool


def combine(members: Sequence[Member], calibrate: bool, weighted: bool) -> Combined:
    """Average the log-odds of finished cells.

    Args:
        members: the cells.
        calibrate: put each on the scale of log-odds by Platt's line, fitted on its validation samples, if these are as many
            as the protocol asks for in every member; else logits are averaged as they are.
        weighted: fit the weights on the validation samples that all share; else all count the same.

    Raises:
        MitofmError: they cannot be one ensemble (`require_fit`); predictions of validation samples are needed and absent, are
            of too few samples or of different ones; or the line of a member does not rise.
    """
    same = require_fit(members)
    known = all(one.validation is not None for one in members)
    decides = all(one.metrics.get("validation", {}).get("decides", False) for one in members)
    if (calibrate or weighted) and decides and not known:
        lacking = next(one for one in members if one.validation is None)
        raise MitofmError(
            f"{lacking.folder.name} was finished before predictions of validation samples were kept: take calibrate=false "
            "weights=equal, or train it again under another paths.runs"
        )
    calibrated = calibrate and decides
    lines = [_fit_line(one) if calibrated else (0.0, 1.0) for one in members]
    weights = np.full(len(members), 1 / len(members))
    if weighted:
        weights = _weigh(members, lines, same and decides)
    parts = tuple(Part(float(weight), *line) for weight, line in zip(weights, lines, strict=True))
    predictions = _average(members, parts, [one.predictions for one in members]) if same else _pool(members, parts)
    validation = None
    if same and known:
        validation = _average(members, parts, [one.validation for one in members if one.validation is not None])
    cut, rule = threshold.FIXED, "fixed"
    if validation is not None and decides:
        cut, rule = threshold.choose(validation["label"].to_numpy(), validation["logit"].to_numpy()), "validation"
    prior = _find_prior(members, parts, calibrated)
    metrics = {
        "validation": _measure(validation, decides),
        "threshold": threshold.describe(cut, rule, prior["logit"]),
        "prior": prior,
        "sets": summarise(predictions, cut, prior["logit"]),
        "chosen": {
            TRIED: max(count_tried(one.metrics.get("chosen")) or 1 for one in members),
            "calibrated": calibrated,
            "members": {
                one.folder.name: {"weight": part.weight, "intercept": part.intercept, "slope": part.slope}
                for one, part in zip(members, parts, strict=True)
            },
        },
    }
    return Combined(predictions, validation, metrics, parts, same)


def _fit_line(one: Member) -> tuple[float, float]:
    assert one.validation is not None
    line = fit_platt(one.validation["label"].to_numpy(), one.validation["logit"].to_numpy())
    if not line[1] > 0:
        raise MitofmError(
            f"{one.folder.name}: the line from its validation logits to log-odds does not rise (slope {line[1]:.3g}): they rank no "
            "better than chance, are all the same, or a few lie far from all others. Leave it out, or take calibrate=false"
        )
    return line


def _weigh(members: Sequence[Member], lines: Sequence[tuple[float, float]], possible: bool) -> np.ndarray:
    tables = [one.validation.set_index("sample_id") for one in members if one.validation is not None]
    if not possible or any(set(one.index) != set(tables[0].index) for one in tables):
        raise MitofmError(
            "weights=validation needs members that were chosen on the same validation samples, at least as many as the protocol "
            "asks for: take weights=equal"
        )
    logits = [
        intercept + slope * one.loc[tables[0].index, "logit"].to_numpy()
        for one, (intercept, slope) in zip(tables, lines, strict=True)
    ]
    return weigh(tables[0]["label"].to_numpy(), np.stack(logits))


def _average(members: Sequence[Member], parts: Sequence[Part], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A row per sample: the mean of the members that have it. A validation sample of one may be a training sample of another."""
    rows = pd.concat(
        [
            table.assign(logit=part.weight * part.place(table["logit"].to_numpy()), weight=part.weight)
            for table, part in zip(tables, parts, strict=True)
        ]
    )
    summed = rows.groupby("sample_id", sort=False)[["logit", "weight"]].sum()
    counted = summed[summed["weight"] > 0]
    mean = counted["logit"] / counted["weight"]
    kept = rows.drop_duplicates("sample_id").set_index("sample_id", drop=False).loc[mean.index]
    return kept.assign(logit=mean).drop(columns="weight").reset_index(drop=True)


def _pool(members: Sequence[Member], parts: Sequence[Part]) -> pd.DataFrame:
    """Each test sample with the logit of the one member that is tested on it."""
    placed = [
        one.predictions.assign(logit=part.place(one.predictions["logit"].to_numpy()))
        for one, part in zip(members, parts, strict=True)
    ]
    return pd.concat(placed, ignore_index=True)


def _find_prior(members: Sequence[Member], parts: Sequence[Part], calibrated: bool) -> dict[str, Any]:
    """The log-odds to add for probabilities, as `calibration.describe_prior`, and the prevalence that these are calibrated to."""
    if not calibrated:
        shift = sum(part.weight * read_shift(one.metrics) for one, part in zip(members, parts, strict=True))
        known = [share for one in members if (share := find_prevalence(one.split)) is not None]
        mean = np.dot([part.weight for part in parts], logit(known)) if len(known) == len(members) else np.nan
        own = {} if np.isnan(mean) else {"prevalence": float(expit(mean))}
        return {"logit": float(shift), "rule": "the mean of those of the members"} | own
    shares = [one.split.loc[one.split["part"] == "train", "label"].mean() for one in members]
    rule = "the equal classes of calibration are undone: prevalence of the training samples"
    undone = float(np.mean(logit(shares)))
    return {"logit": undone, "rule": rule, "prevalence": float(expit(undone))}


def _measure(validation: pd.DataFrame | None, decides: bool) -> dict[str, Any]:
    if validation is None:
        return {"auroc": None, "samples": 0, "decides": False}
    found = float(auroc(validation["label"].to_numpy(), validation["logit"].to_numpy()))
    return {"auroc": found if np.isfinite(found) else None, "samples": len(validation), "decides": decides}
