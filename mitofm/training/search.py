"""The search for a learning rate: gradient modes choose theirs from the cell's samples, as frozen modes choose a setting.

Contract 4: on the validation samples if they are enough, each rate with its best checkpoint; else on folds of slides of the
training samples, each rate with its last weights, before the best one trains on all of them; if there are too few slides
for folds, there is no search.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mitofm.adaptation.choosing import make_folds
from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.data.annotations import units
from mitofm.data.splits.part import UNUSED, VALIDATION
from mitofm.evaluation.metrics import auroc
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import Diverged
from mitofm.ground.files import read_json, remove, replacing, require_held, write_json
from mitofm.training.cell import Cell, Outcome, Trained
from mitofm.training.checkpoint import TRAINED, TRIALS, delete_resume_files
from mitofm.training.copies.metric_copies import Copies, Curves
from mitofm.training.gradient import fit_gradient, load_classifier, predict_outcome, train_on_devices
from mitofm.training.predict import predict

_log = logging.getLogger(__name__)

_FOLDS = 5  # as many as frozen modes take


def fit_searched(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Fit the cell with the best of the learning rates that `adaptation` lists; with its own rate if it lists none.

    A trial that diverges is the worst; of equal trials the one nearest to the rate of the config is taken. A resumed cell
    keeps its finished trials. Learning curves of trials are in the cell's folder, `search/lr-RATE.csv`.

    Raises:
        Diverged: every trial has diverged.
    """
    if not adaptation.factors:
        return fit_gradient(cell, adaptation, copies)
    scaled = [adaptation.scale(factor) for factor in adaptation.factors]
    candidates = {f"{one.lr:g}": one for one in scaled}
    if cell.validation_decides:
        return _search_on_validation(cell, candidates)
    rows = cell.rows("train")
    samples = cell.store.table.iloc[rows]
    labels = samples["label"].to_numpy()
    folds = make_folds(labels, units(samples).to_numpy(), _FOLDS, cell.seed)
    if not folds:
        return _add_notes(fit_gradient(cell, adaptation, copies), adaptation, "fixed")
    return _search_on_folds(cell, candidates, labels, [held_out for _, held_out in folds], copies)


def _search_on_validation(cell: Cell, candidates: Mapping[str, GradientAdaptation]) -> Outcome:
    """Train once with each rate; the weights of the best trial are the cell's."""
    trials = {rate: _run_trial(cell, one, f"lr-{rate}") for rate, one in candidates.items()}
    scores = {rate: trial["auroc"] for rate, trial in trials.items()}
    best = _find_best(scores)
    with replacing(cell.folder / TRAINED) as temporary:
        shutil.copyfile(below.check(cell.folder / TRIALS / f"lr-{best}" / TRAINED), temporary)
    outcome = predict_outcome(cell, candidates[best], Trained(**trials[best]["trained"]))
    outcome = replace(outcome, samples_seen=0)  # its trial counts them
    return _add_notes(outcome, candidates[best], "validation", scores, list(trials.values()))


def _search_on_folds(
    cell: Cell,
    candidates: Mapping[str, GradientAdaptation],
    labels: np.ndarray,
    folds: Sequence[np.ndarray],
    copies: Copies,
) -> Outcome:
    """Train once per fold with each rate; the one with the best pooled logits then trains on all training samples."""
    parts = [_hold_out(cell, cell.rows("train")[held_out]) for held_out in folds]
    scores: dict[str, float | None] = {}
    trials = []
    for rate, one in candidates.items():
        logits = np.full(len(labels), np.nan)
        for number, (held_out, part) in enumerate(zip(folds, parts, strict=True)):
            trial = _run_trial(part, one, f"lr-{rate}-fold-{number}")
            logits[held_out] = trial["logits"] or np.nan
            trials.append(trial)
        scores[rate] = float(auroc(labels, logits)) if np.isfinite(logits).all() else None
    best = candidates[_find_best(scores)]
    return _add_notes(fit_gradient(cell, best, copies), best, "cross_validation", scores, trials)


def _run_trial(cell: Cell, adaptation: GradientAdaptation, name: str) -> dict[str, Any]:
    """Train in the trial's own folder, and record the result there; read the record if the trial is finished.

    Returns:
        `auroc` of the best check if the validation samples decide; their `logits` if they do not; both None if training
        diverged, and `why`; training `samples` seen; `trained`, without the classifier; `seconds` of the whole trial, and
        `earlier`, the part of them in earlier sessions.
    """
    inside = replace(cell, folder=cell.folder / TRIALS / name)
    record = inside.folder / "trial.json"
    if trial := _read_trial(record):
        trial["earlier"] = trial["seconds"]
    else:
        curves = cell.folder / "search" / f"{name}.csv"
        require_held(curves)
        curves.parent.mkdir(exist_ok=True)
        require_held(record)
        inside.folder.mkdir(parents=True, exist_ok=True)
        trial = _train_trial(inside, adaptation, Copies([lambda: Curves(curves)]))
        write_json(record, trial | {"checksum": fingerprints.of(trial)})
    delete_resume_files(inside.folder)  # each is several times as large as the backbone, and trials are many
    if not cell.validation_decides:
        remove(inside.folder / TRAINED)
    told = trial["why"] or (f"validation AUROC {trial['auroc']:.3f}" if trial["auroc"] is not None else "done")
    _log.info("trial %s: %s", name, told)
    return trial


def _read_trial(record: Path) -> dict[str, Any] | None:
    """The result of a finished trial; None if it is not finished, or if its record is damaged."""
    try:
        trial = read_json(record)
        if trial.pop("checksum", None) in (None, fingerprints.of(trial)):
            return trial
    except FileNotFoundError:
        return None
    except ValueError:
        pass
    _log.warning("%s is damaged: that trial is run again", record)
    return None


def _train_trial(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> dict[str, Any]:
    started = time.perf_counter()
    trial: dict[str, Any] = {"auroc": None, "logits": None, "samples": 0, "trained": None, "why": "", "earlier": 0.0}
    try:
        trained = train_on_devices(cell, adaptation, copies)
        if cell.validation_decides:
            trial["auroc"] = trained.notes["checkpoint"]["auroc"]
        else:
            classifier = load_classifier(cell, adaptation, trained)
            trial["logits"] = predict(cell, classifier, cell.rows(VALIDATION)).tolist()
        trial["samples"], trial["earlier"] = cell.count_samples(trained.steps), trained.earlier_seconds
        plain = {key: value for key, value in vars(trained).items() if key != "classifier"}
        trial["trained"] = plain | {"earlier_seconds": 0.0}
    except Diverged as error:
        trial["why"] = str(error)
    return trial | {"seconds": time.perf_counter() - started + trial["earlier"]}


def _hold_out(cell: Cell, rows: np.ndarray) -> Cell:
    """The cell with the training samples of these rows as its only validation samples."""
    frame = cell.split.frame.copy()
    frame.loc[frame["part"] == VALIDATION, "part"] = UNUSED
    frame.loc[frame.index[rows], "part"] = VALIDATION
    return replace(cell, split=replace(cell.split, frame=frame))


def _find_best(scores: Mapping[str, float | None]) -> str:
    """The learning rate of the highest score, the first of equal ones; None is the score of a trial that diverged."""
    if all(score is None for score in scores.values()):
        raise Diverged(f"training diverges at every learning rate tried ({', '.join(scores)}): lower adaptation.lr")
    return max(scores, key=lambda rate: -1.0 if (score := scores[rate]) is None else score)


def _add_notes(
    outcome: Outcome,
    chosen: GradientAdaptation,
    rule: str,
    scores: Mapping[str, float | None] | None = None,
    trials: Sequence[dict[str, Any]] = (),
) -> Outcome:
    """Add the choice and the cost of the trials to an outcome."""
    notes = {"lr": chosen.lr, "head_lr": chosen.head_lr, "lr_rule": rule, "lr_scores": scores or {}}
    seconds = outcome.trained.earlier_seconds + sum(trial["earlier"] for trial in trials)
    trained = replace(outcome.trained, earlier_seconds=seconds, notes=outcome.trained.notes | notes)
    samples = outcome.samples_seen + sum(trial["samples"] for trial in trials)
    return replace(outcome, trained=trained, samples_seen=samples)
