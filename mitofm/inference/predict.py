"""Scores the samples of any data set with a model, by the code that tested it."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Rows
from mitofm.data.annotations import UNKNOWN, units
from mitofm.data.dataset import Dataset
from mitofm.data.patches import PatchStore
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.ground.csv_cells import read_csv
from mitofm.ground.errors import MitofmError
from mitofm.inference import positions
from mitofm.inference.model import Model
from mitofm.inference.trained import Checkpoint
from mitofm.training.cell import Inputs
from mitofm.training.frozen import compute_features
from mitofm.training.predict import predict
from mitofm.training.settings import Trainer

_COLUMNS = ("sample_id", "image", "x", "y", "mpp", "slide", "domain", "label", "logit", "probability", "predicted")


@dataclass(frozen=True)
class Scores:
    """The scores of samples.

    Attributes:
        table: one row per sample: sample_id, image (relative to the data set's root), x and y (px at level 0 of it), mpp
            (micrometre per px of it, NaN if unknown), slide, domain, label (if known), logit, probability, predicted (0 or
            1, at the chosen threshold).
        learned_from: the number of samples on slides of training or validation, if its checkpoints lie in their cells.
        positions: the meaning of x and y in words, if they are not pixels of the images.
    """

    table: pd.DataFrame
    learned_from: int
    positions: str


def cut_as_trained(data: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The config of a data set with the patch side and resolution that the model was trained on."""
    return {**data, **{key: model.facts["patches"][key] for key in ("crop_px", "mpp")}}


def narrow_store(model: Model, dataset: Dataset) -> PatchStore:
    """The patches of a data set, cut to the share of their side that the model saw in training."""
    store, patches = dataset.store(), model.facts["patches"]
    crop_px = round(store.crop_px * model.centre_px / patches["crop_px"])
    return store if crop_px == store.crop_px else store.narrow(crop_px)


def score(
    model: Model,
    dataset: Dataset,
    cache: Path,
    trainer: Trainer,
    samples: Path | None,
    for_slides: bool = False,
) -> Scores:
    """Score the samples of `dataset`.

    Args:
        model: what scores; of several members one after the other.
        dataset: its patches are cut first if they are absent.
        cache: the folder of shared embeddings.
        trainer: the group `trainer`.
        samples: a CSV or parquet with a column sample_id, of the samples to score in this order; None: all.
        for_slides: whether the scores will be shown in slides.

    Raises:
        MitofmError: patches cannot be cut, a sample is not in the data set, a logit is not finite, or no slide is known
            `for_slides`.
    """
    if samples is not None or for_slides:  # errors that the annotations alone show, before patches are cut
        dataset.files()
        annotated = dataset.source.table()
        meant = annotated.iloc[_find_rows(samples, annotated)]
        if for_slides:
            positions.refuse_crops(meant)
    torch.set_num_threads(trainer.threads)
    store = narrow_store(model, dataset)
    rows = _find_rows(samples, store.table)
    logits = model.add([_score_rows(one, store, rows, cache, trainer) for one in model.members])
    scored = store.table.iloc[rows].reset_index(drop=True)
    table = scored.assign(
        mpp=positions.find_resolutions(dataset.source.root, scored, dataset.card.image_mpp),
        logit=logits,
        probability=expit(logits + read_shift(model.facts)),
        predicted=call_positives(logits, read_logit(model.facts["threshold"])).astype("int64"),
    )
    labelled = not (store.table["label"] == UNKNOWN).any()
    known = [name for name in _COLUMNS if name != "label" or labelled]
    return Scores(table[known], _count_learned_from(model, dataset, units(scored)), positions.describe(scored))


def _score_rows(trained: Checkpoint, store: PatchStore, rows: np.ndarray, cache: Path, trainer: Trainer) -> np.ndarray:
    """The logits of one checkpoint for these rows of the store: float64 (n,)."""
    inputs = Inputs(
        fit=trained.fit,
        trainer=trainer,
        seed=trained.facts["seed"],
        store=store,
        spec=trained.spec,
        weights=trained.weights,
        cache=cache,
    )
    if not isinstance(trained.adaptation, FrozenAdaptation):
        return predict(inputs, trained.classifier(), rows)
    features = compute_features(inputs, trained.adaptation)
    with threadpool_limits(trainer.threads):
        return trained.head(features[rows[:1]].shape[-1]).logits(Rows(features, rows))


def _find_rows(samples: Path | None, table: pd.DataFrame) -> np.ndarray:
    """The rows of `table` that the file lists, in its order; all rows if there is no file."""
    if samples is None:
        return np.arange(len(table))
    try:
        listed = pd.read_parquet(samples) if samples.suffix == ".parquet" else read_csv(samples, dtype=str)
        names = listed["sample_id"].astype(str)
    except (OSError, ValueError, KeyError) as error:
        raise MitofmError(
            f"samples={samples}: give a CSV or parquet with a column sample_id ({type(error).__name__}: {error})"
        ) from error
    if names.empty:
        raise MitofmError(f"samples={samples}: this file lists no sample")
    rows = pd.Index(table["sample_id"]).get_indexer(pd.Index(names))
    if (rows < 0).any():
        raise MitofmError(
            f"samples={samples}: {int((rows < 0).sum())} of its {len(rows)} samples are not in this data set, the first is "
            f"{names[rows < 0].iloc[0]!r}"
        )
    return rows


def _count_learned_from(model: Model, dataset: Dataset, slides: pd.Series) -> int:
    """Count the samples on slides of training or validation of any member, whatever the names of the samples."""
    frame = model.read_split(["part"]) if dataset.card.name == model.facts["patches"]["dataset"] else None
    if frame is None:
        return 0
    return int(slides.isin(frame.loc[frame["part"].isin(["train", "validation"]), "slide"]).sum())
