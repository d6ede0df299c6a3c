"""Fit a gradient mode: train it on as many devices and in as small pieces as needed, then predict with its weights."""

from __future__ import annotations

import gc
import logging
from functools import partial

import torch

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import build
from mitofm.ground.tensors import load_tensors
from mitofm.training import memory
from mitofm.training.branches import go_on
from mitofm.training.budget import make_budget
from mitofm.training.cell import Cell, Outcome, Trained
from mitofm.training.checkpoint import RESUME, TRAINED
from mitofm.training.copies.metric_copies import Copies
from mitofm.training.predict import predict
from mitofm.training.ranks import run_ranks
from mitofm.training.saved import discard_damaged
from mitofm.training.train import train

_log = logging.getLogger(__name__)


def fit_gradient(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Outcome:
    """Train `adaptation` on the cell's training samples and predict its validation and test samples."""
    return predict_outcome(cell, adaptation, train_on_devices(cell, adaptation, copies))


def train_on_devices(cell: Cell, adaptation: GradientAdaptation, copies: Copies) -> Trained:
    """Train on `trainer.devices` devices.

    If a GPU's memory is too small for a batch, the batch passes through the classifier in pieces: the same steps, only slower.
    """
    memory.refuse_idle_devices(cell)
    pieces, devices = cell.trainer.accumulate, cell.trainer.devices
    budget = make_budget(len(cell.rows("train")), cell.fit)
    discard_damaged(cell.folder / RESUME)
    while True:
        if budget.cooldown is not None:
            go_on(cell, budget, pieces)
        work = partial(train, cell, adaptation, pieces)
        trained = run_ranks(devices, work, copies) if devices > 1 else work(0, copies)
        if trained is not None:
            return trained
        pieces *= 2
        _log.warning(
            "out of GPU memory: each batch now passes in %d pieces (trainer.accumulate); dropout is drawn per piece",
            pieces,
        )
        gc.collect()  # trainer and module hold each other, and the old weights
        torch.cuda.empty_cache()


def predict_outcome(cell: Cell, adaptation: GradientAdaptation, trained: Trained) -> Outcome:
    """The logits of a cell whose trained weights are in its folder."""
    classifier = load_classifier(cell, adaptation, trained)
    validation, test = (predict(cell, classifier, cell.rows(part)) for part in ("validation", "test"))
    return Outcome(trained, validation, test, cell.count_samples(trained.steps))


def load_classifier(cell: Cell, adaptation: GradientAdaptation, trained: Trained) -> Classifier:
    """The trained classifier; read from the cell's folder if another process trained it."""
    if trained.classifier is not None:
        return trained.classifier
    classifier = adaptation.adapt(build(adaptation.adapt_spec(cell.spec), cell.weights, cell.seed), cell.seed)
    adaptation.load(classifier, load_tensors(cell.folder / TRAINED))
    return classifier
