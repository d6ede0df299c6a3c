"""One W&B run per cell: deterministic id, group = study, job type = adaptation; online with a key, offline without one."""

from __future__ import annotations

import logging
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import requests

from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.training.settings import Logger

_PATIENCE = 3.0  # seconds that W&B's server may hold up the start of a cell; its end, half of that
_unreachable = False  # the server has once not answered this process

_log = logging.getLogger(__name__)


class WandbRun:
    """A copy of one cell in W&B.

    Args:
        logger: the group `logger`.
        cell_id: hash of the cell; a cell that resumes or runs again goes on in the same run.
        name: name of the cell's folder.
        study: group of the run.
        labels: words of the cell, from which job type and tags are taken.
        config: the resolved config.
        folder: where W&B may keep its own files.
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
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault(
            "WANDB_ERROR_REPORTING", "false"
        )  # it would hold up the end of the process where nobody answers

        chosen = reachable_mode()
        self._run = wandb.init(
            project=logger.project,
            entity=logger.entity,
            id=cell_id,
            name=name,
            group=study,
            job_type=labels["adaptation"],
            tags=[
                f"{key}={labels[key]}"[:64] for key in ("dataset", "backbone", "weights", "split", "fraction", "seed")
            ],
            config=dict(config),
            dir=str(folder.resolve()),  # W&B's service keeps the folder that it was started in
            mode=chosen,
            resume="allow" if chosen == "online" else None,
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
                reinit="create_new",  # a run that was left behind is not gone on with
            ),
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """One point of the learning curves."""
        self._run.log(dict(metrics), step=step)

    def finish(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Summary metrics, ROC, precision-recall and confusion of the test set."""
        import wandb

        for name, values in metrics["sets"].items():
            self._run.summary.update({f"{name}/{key}": value for key, value in values.items()})
        self._run.summary.update({"threshold": metrics["threshold"]["value"]})

        if not self._run.offline and reachable_mode() == "offline":
            self._run.log({}, commit=True)
            return  # a plot's table is an artifact, and asks the server
        classes = [self._labels["negative"], self._labels["positive"]]
        truth = predictions["label"].tolist()
        logits = predictions["logit"].to_numpy(dtype=float)
        scores = np.column_stack([-logits, logits]).tolist()  # these curves only rank, and probabilities may be equal
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


def mode() -> Any:
    """`WANDB_MODE` where set; else online where there is a key (`WANDB_API_KEY` or netrc), offline without one."""
    if given := os.environ.get("WANDB_MODE"):
        return given
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    host = urlparse(_server()).hostname or ""
    try:
        return "online" if netrc.netrc().authenticators(host) else "offline"
    except (OSError, netrc.NetrcParseError):
        return "offline"


def reachable_mode() -> Any:
    """As `mode`, but offline where W&B's server does not answer, for the rest of this process."""
    global _unreachable
    if mode() != "online":
        return mode()
    if not _unreachable:
        try:
            _unreachable = requests.get(_server(), timeout=_PATIENCE, stream=True).status_code >= 500
        except requests.RequestException:
            _unreachable = True
        if _unreachable:
            _log.warning("W&B does not answer at %s: runs are kept offline; `mitofm sync` sends them later", _server())
    return "offline" if _unreachable else "online"


def _server() -> str:
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").rstrip("/")
