"""One W&B run per cell: deterministic id, group = study, job type = adaptation; online with a key, offline without one."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests
from requests.utils import get_netrc_auth

from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.ground import below
from mitofm.ground.places import remove_places
from mitofm.training.copies.copied_names import describe_compared, spell_name, summarise
from mitofm.training.settings import Logger

_PATIENCE = 3.0  # seconds that W&B's server may hold up the start of a cell; its end, half of that
_unreachable = False  # whether the server has once failed to answer this process

_log = logging.getLogger(__name__)


class WandbRun:
    """A copy of one cell in W&B.

    Args:
        cell_id: hash of the cell; a cell that resumes or runs again continues the same run.
        name: name of the cell's folder.
        labels: words of the cell, for job type and tags.
        folder: for W&B's own files.
    """

    def __init__(
        self,
        logger: Logger,
        cell_id: str,
        name: str,
        study: str,
        labels: Mapping[str, Any],
        config: Mapping[str, Any],
        folder: Path,
    ) -> None:
        import wandb

        self._labels = labels
        below.check(folder / "wandb").parent.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it delays the end of the process if nobody answers
        mode = choose_reachable_mode()
        self._run = wandb.init(
            project=logger.project,
            entity=logger.entity,
            id=cell_id,
            name=name,
            group=study,
            job_type=labels["adaptation"],
            tags=[
                spell_name(f"{key}-{labels[key]}")[:64]
                for key in ("dataset", "backbone", "weights", "split", "fraction", "seed")
            ],
            config={**remove_places(config), **describe_compared(labels)},
            dir=str(folder.resolve()),  # W&B's service keeps its first working folder
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=wandb.Settings(
                silent=True,
                console="off",
                login_timeout=_PATIENCE,
                init_timeout=_PATIENCE,
                finish_timeout=_PATIENCE / 2,
                x_disable_stats=True,
                x_disable_meta=True,
                disable_git=True,
                disable_code=True,
                reinit="create_new",  # never continue a run that was left behind
            ),
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log one point of the learning curves."""
        self._run.log(dict(metrics), step=step)

    def finish(self, metrics: Mapping[str, Any], cost: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Log summary metrics, ROC, precision-recall and confusion of the test samples."""
        import wandb

        self._run.summary.update(summarise(metrics, cost, self._labels))

        if not self._run.offline and choose_reachable_mode() == "offline":
            self._run.log({}, commit=True)
            return  # the table of a plot is an artifact, which waits for the server
        classes = [self._labels["negative"], self._labels["positive"]]
        truth = predictions["label"].tolist()
        logits = predictions["logit"].to_numpy(dtype=float)
        scores = np.column_stack([-logits, logits]).tolist()  # the curves only rank, and probabilities may tie
        self._run.log(
            {
                "roc": wandb.plot.roc_curve(truth, scores, labels=classes),
                "precision_recall": wandb.plot.pr_curve(truth, scores, labels=classes),
                "confusion": wandb.plot.confusion_matrix(
                    y_true=truth,
                    preds=call_positives(logits, read_logit(metrics["threshold"])).astype(int).tolist(),
                    class_names=classes,
                ),
            }
        )

    def close(self, failed: bool) -> None:
        """End the run; a failed cell is shown as failed."""
        self._run.finish(exit_code=int(failed))


def choose_mode() -> Any:
    """`WANDB_MODE` if it is set; else online with a key (`WANDB_API_KEY` or netrc) and offline without one."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    return "online" if os.environ.get("WANDB_API_KEY") or get_netrc_auth(_server()) else "offline"


def choose_reachable_mode() -> Any:
    """As `choose_mode`, but offline for the rest of this process once W&B's server does not answer."""
    global _unreachable
    mode = choose_mode()
    if mode == "online" and not _unreachable:
        try:
            _unreachable = requests.get(_server(), timeout=_PATIENCE, stream=True).status_code >= 500
        except requests.RequestException:
            _unreachable = True
        if _unreachable:
            _log.warning("W&B does not answer at %s: runs are kept offline; `mitofm sync` sends them later", _server())
    return "offline" if mode == "online" and _unreachable else mode


def _server() -> str:
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").rstrip("/")
