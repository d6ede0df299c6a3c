"""Learning rates tried inside the fraction, the best of which trains the cell: gradient modes then choose as frozen ones do.

Contract 4: on the validation cells where they are enough, each rate with its best checkpoint; else on folds of slides of the
training side, each with its last weights, and then on all of it; where the slides are too few for folds, not at all.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mitofm.adaptation.choosing import make_folds
from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.data.annotations import units
from mitofm.data.splits.part import UNUSED, VALIDATION
from mitofm.evaluation.metrics import auroc
from mitofm.ground import fingerprints
from mitofm.ground.errors import Diverged
from mitofm.ground.files import read_json, replacing, write_json
from mitofm.training.cell import Cell, Outcome
from mitofm.training.copies import Copies, Curves
from mitofm.training.gradient import TRAINED, Trained, fit_gradient, fitted, forget, outcome, with_weights
from mitofm.training.predict import predict

_log = logging.getLogger(__name__)

TRIALS = Path("checkpoint") / "search"
"""Where in a cell's folder its trials are, until it is done."""
_FOLDS = 5  # as frozen modes take


def fit_searched(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Fit the cell with the best of the learning rates that `adaptation` is to try; with its own where it is to try none.

    A trial that diverges is the worst; of equal ones that nearest to the rate of the config is taken. A finished trial is
    not run again where the cell is resumed. Learning curves of trials are in the cell's folder, `search/lr-RATE.csv`.

    Raises:
        Diverged: every trial has.
    """
    if not adaptation.factors:
        return fit_gradient(cell, adaptation, copies)
    tried = [adaptation.scale(factor) for factor in adaptation.factors]
    if cell.validation_decides:
        return _by_validation(cell, tried)
    rows = cell.rows("train")
    cells = cell.store.table.iloc[rows]
    folds = make_folds(cells["label"].to_numpy(), units(cells).to_numpy(), _FOLDS, cell.seed)
    if not folds:
        return _noted(fit_gradient(cell, adaptation, copies), adaptation, "fixed", [], [])
    return _by_folds(cell, tried, cells["label"].to_numpy(), [held_out for _, held_out in folds], copies)


def _by_validation(cell: Cell, tried: Sequence[GradientAdaptation]) -> Outcome:
    """Each rate trained once; the weights of the best are the cell's."""
    trials = [_trial(cell, one, f"lr-{one.lr:g}") for one in tried]
    best = _best(tried, scores := [trial["auroc"] for trial in trials])
    with replacing(cell.folder / TRAINED) as temporary:
        shutil.copyfile(cell.folder / TRIALS / f"lr-{tried[best].lr:g}" / TRAINED, temporary)
    found = replace(outcome(cell, tried[best], Trained(None, **trials[best]["trained"])), samples_seen=0)
    return _noted(found, tried[best], "validation", list(zip(tried, scores, strict=True)), trials)


def _by_folds(
    cell: Cell, tried: Sequence[GradientAdaptation], labels: np.ndarray, folds: Sequence[np.ndarray], copies: Copies
) -> Outcome:
    """Each rate trained once per fold; the best by its pooled logits then once more, on all training cells."""
    parts = [_without(cell, cell.rows("train")[held_out]) for held_out in folds]
    scores, trials = [], []
    for one in tried:
        of_folds = [_trial(part, one, f"lr-{one.lr:g}-fold-{number}") for number, part in enumerate(parts)]
        trials += of_folds
        logits = np.full(len(labels), np.nan)
        for held_out, trial in zip(folds, of_folds, strict=True):
            logits[held_out] = trial["logits"] or np.nan
        scores.append(float(auroc(labels, logits)) if np.isfinite(logits).all() else None)
    best = tried[_best(tried, scores)]
    return _noted(
        fit_gradient(cell, best, copies), best, "cross_validation", list(zip(tried, scores, strict=True)), trials
    )


def _trial(cell: Cell, adaptation: GradientAdaptation, name: str) -> dict[str, Any]:
    """Train in a folder of its own, and keep what came of it there; read that where it has been done.

    Returns:
        `auroc` of the best check of the validation cells, where they decide; `logits` of them, where they do not; both
        None where training diverged; `samples` seen; `trained`, but for the classifier; `seconds` that all of it took,
        and `earlier`, those of them in sessions before this one.
    """
    inside = replace(cell, folder=cell.folder / TRIALS / name)
    record = inside.folder / "trial.json"
    kept = found = _kept(record)
    if found is None:
        curves = cell.folder / "search" / f"{name}.csv"
        curves.parent.mkdir(exist_ok=True)
        inside.folder.mkdir(parents=True, exist_ok=True)
        found = _tried(inside, adaptation, Copies([lambda: Curves(curves)]))
        write_json(record, found | {"checksum": fingerprints.of(found)})
    forget(inside.folder)  # several times a backbone, for each of many trials
    if not cell.validation_decides:
        (inside.folder / TRAINED).unlink(missing_ok=True)
    said = found["why"] or (f"validation AUROC {found['auroc']:.3f}" if found["auroc"] is not None else "done")
    _log.info("trial %s: %s", name, said)
    return found | ({"earlier": found["seconds"]} if kept else {})


def _kept(record: Path) -> dict[str, Any] | None:
    """What came of a trial that is finished; None if it is not, or if its record is damaged."""
    try:
        found = read_json(record)
        if found.pop("checksum", None) in (None, fingerprints.of(found)):
            return found
    except FileNotFoundError:
        return None
    except ValueError:
        pass
    _log.warning("%s is damaged: that trial is run again", record)
    return None


def _tried(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> dict[str, Any]:
    started = time.perf_counter()
    nothing = {"auroc": None, "logits": None, "samples": 0, "trained": None, "why": "", "earlier": 0.0}
    try:
        trained = fitted(cell, adaptation, copies)
        if cell.validation_decides:
            found = {"auroc": trained.notes["checkpoint"]["auroc"]}
        else:
            logits = predict(cell, with_weights(cell, adaptation, trained), cell.rows(VALIDATION))
            found = {"logits": logits.tolist()}
    except Diverged as error:
        return nothing | {"why": str(error), "seconds": time.perf_counter() - started}
    earlier = trained.earlier_seconds
    plain = {key: value for key, value in vars(trained).items() if key != "classifier"} | {"earlier_seconds": 0.0}
    cost = {"samples": cell.samples_in(trained.steps), "earlier": earlier}
    return nothing | found | cost | {"seconds": time.perf_counter() - started + earlier, "trained": plain}


def _without(cell: Cell, rows: np.ndarray) -> Cell:
    """The cell with these training cells held out, in the place of its validation cells."""
    frame = cell.split.frame.copy()
    frame.loc[frame["part"] == VALIDATION, "part"] = UNUSED
    frame.loc[frame.index[rows], "part"] = VALIDATION
    return replace(cell, split=replace(cell.split, frame=frame))


def _best(tried: Sequence[GradientAdaptation], scores: Sequence[float | None]) -> int:
    if all(score is None for score in scores):
        rates = ", ".join(f"{one.lr:g}" for one in tried)
        raise Diverged(f"training diverges at every learning rate tried ({rates}): lower adaptation.lr")
    return int(np.argmax([-1.0 if score is None else score for score in scores]))


def _noted(
    found: Outcome,
    chosen: GradientAdaptation,
    rule: str,
    scored: Sequence[tuple[GradientAdaptation, float | None]],
    trials: Sequence[dict[str, Any]],
) -> Outcome:
    """With what was chosen among, and what the trials have cost."""
    scores = {f"{one.lr:g}": score for one, score in scored}
    notes = {"lr": chosen.lr, "head_lr": chosen.head_lr, "lr_rule": rule, "lr_scores": scores}
    seen = found.samples_seen + sum(trial["samples"] for trial in trials)
    earlier = found.earlier_seconds + sum(trial["earlier"] for trial in trials)
    return replace(found, samples_seen=seen, earlier_seconds=earlier, notes=found.notes | notes)
