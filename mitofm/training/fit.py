"""One cell, from its resolved config to its predictions: the protocol, read from top to bottom.

Lightning, which takes a quarter of the time of all imports, is imported only to train.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.weights import Weights
from mitofm.data import votes
from mitofm.data.balance import find_chances, group_samples, weigh_samples
from mitofm.data.hard_negatives import add_proposals
from mitofm.data.splits.part import Split
from mitofm.data.splits.suggestion import make_or_suggest
from mitofm.evaluation import threshold
from mitofm.evaluation.calibration import describe_prior
from mitofm.evaluation.metrics import auroc, summarise
from mitofm.ground.files import write_json, write_parquet
from mitofm.training import checkpoint, environment
from mitofm.training.cell import Cell, Outcome
from mitofm.training.copies.sinks import open_copies
from mitofm.training.frozen import fit_frozen
from mitofm.training.labels import collect_labels
from mitofm.training.settings import Settings


def fit_cell(settings: Settings, cell_id: str, weights: Weights, folder: Path) -> dict[str, Any]:
    """Fit one cell, write everything but its state into its `folder`, and return its metrics as written to `metrics.json`.

    Raises:
        Infeasible: the split cannot provide the samples of this cell.
        MitofmError: any other error that the user can mend.
    """
    torch.set_num_threads(settings.trainer.threads)
    started = time.perf_counter()

    dataset = settings.dataset
    table = dataset.table()
    if settings.fit.learns_votes:
        votes.require_votes(table, dataset.card.name)
    split = make_or_suggest(settings.split, table, settings.fraction, settings.seed_of_split)
    labels = collect_labels(settings, split)
    write_json(folder / "cell.json", {"id": cell_id, "labels": labels})
    store = dataset.store()
    if dataset.proposals_ratio:
        split, store = add_proposals(split, store, dataset, dataset.proposals_ratio)
    for confounder in settings.protocol.built.values():
        split, store = confounder.apply(split, store, dataset)
    if settings.fit.learns_votes:  # from the current table: the store keeps the votes that it was built with
        split = replace(split, frame=votes.add_targets(split.frame, table))
    write_parquet(folder / "split.parquet", split.frame)

    cell = Cell(
        settings=settings,
        fit=settings.fit,
        trainer=settings.trainer,
        seed=settings.seed_of_training,
        store=store,
        split=split,
        spec=settings.backbone,
        weights=weights,
        folder=folder,
        cache=settings.paths.cache,
        validation_decides=settings.protocol.can_choose(_read_labels(split, "validation")),
    )
    made_of = {"weights_sha256": weights.sha256, "annotations": dataset.table_fingerprint(settings.fit.learns_votes)}
    write_json(folder / "environment.json", environment.describe(cell.device) | made_of)
    environment.reset_peak_memory(cell.device)

    copies = open_copies(cell, cell_id, labels)
    failed = True
    try:
        adaptation = settings.adaptation
        if isinstance(adaptation, GradientAdaptation):
            from mitofm.training.search import fit_searched

            outcome = fit_searched(cell, adaptation, copies)
        else:
            outcome = fit_frozen(cell, adaptation)
        seconds = time.perf_counter() - started + outcome.trained.earlier_seconds
        metrics, predictions = _evaluate(cell, outcome)
        write_parquet(folder / "predictions.parquet", predictions)
        if len(outcome.validation_logits):
            write_parquet(folder / "validation.parquet", _tell_validation(cell, outcome))
        write_json(folder / "metrics.json", metrics)
        cost = _measure_cost(cell, outcome, seconds)
        write_json(folder / "cost.json", cost)
        checkpoint.describe(cell, cell_id, labels, metrics)
        copies.finish(metrics, cost, predictions)
        failed = False
    finally:
        copies.close(failed)
    checkpoint.delete_resume_files(folder)
    return metrics


def _read_labels(split: Split, part: str) -> np.ndarray:
    return split.frame["label"].to_numpy()[split.rows(part)]


def _evaluate(cell: Cell, outcome: Outcome) -> tuple[dict[str, Any], pd.DataFrame]:
    """Metrics and predictions of the test samples. The threshold is chosen without them."""
    cut, rule = threshold.FIXED, "fixed"
    if cell.validation_decides:
        cut, rule = threshold.choose(_read_labels(cell.split, "validation"), outcome.validation_logits), "validation"
    columns = ["sample_id", "slide", "domain", "label", "evaluation_set", "test_chance"]
    predictions = cell.split.frame.iloc[cell.rows("test")][columns].reset_index(drop=True)
    predictions.insert(4, "logit", outcome.test_logits)
    prior = _find_prior(cell)
    metrics = {
        "validation": _measure_validation(cell, outcome),
        "threshold": threshold.describe(cut, rule, prior["logit"]),
        "prior": prior,
        "sets": summarise(predictions, cut, prior["logit"]),
        "chosen": outcome.trained.notes,
    }
    return metrics, predictions


def _tell_validation(cell: Cell, outcome: Outcome) -> pd.DataFrame:
    """Predictions of the validation samples, by which finished cells are calibrated and weighed (`mitofm ensemble`)."""
    samples = cell.split.frame.iloc[cell.rows("validation")][["sample_id", "slide", "domain", "label"]]
    return samples.reset_index(drop=True).assign(logit=outcome.validation_logits)


def _measure_validation(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    """What a search over settings may choose by. `decides`: whether the samples are enough to choose on (contract 4)."""
    labels = _read_labels(cell.split, "validation")
    measured = float(auroc(labels, outcome.validation_logits)) if len(labels) else float("nan")
    return {
        "auroc": measured if np.isfinite(measured) else None,
        "samples": len(labels),
        "decides": cell.validation_decides,
    }


def _find_prior(cell: Cell) -> dict[str, Any]:
    """The log-odds that training by balanced batches or weights has changed, to be undone in probabilities."""
    rows = cell.rows("train")
    samples = cell.store.table.iloc[rows]
    gradient = isinstance(cell.settings.adaptation, GradientAdaptation)
    # Frozen modes see all samples at once, and weigh classes alone.
    drawn = group_samples(samples, cell.fit.sampler if gradient else "natural")
    balanced = [column for column in cell.fit.balanced if gradient or column == "label"]
    targets = samples["label"].to_numpy(dtype=float) if cell.shares is None else cell.shares[rows]
    return describe_prior(targets, find_chances(drawn) * weigh_samples(samples, drawn, balanced))


def _measure_cost(cell: Cell, outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "peak_memory_mb": max(outcome.trained.peak_memory_mb, environment.measure_peak_memory(cell.device)),
        "trained_parameters": outcome.trained.parameters,
        "samples_per_second": outcome.samples_seen / seconds,
        "pieces_per_batch": outcome.trained.pieces,
    }
