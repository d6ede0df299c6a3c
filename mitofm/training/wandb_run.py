"""One W&B run per cell: deterministic id, group = study, job type = adaptation; online with a key, offline without one."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pandas as pd


class WandbRun:
    """A copy of one cell in W&B.

    Args:
        settings: the `logger` group: project, entity.
        cell_id: hash of the cell; a cell that resumes or runs again goes on in the same run.
        name: name of the cell's folder.
        study: group of the run.
        labels: words of the cell, from which job type and tags are taken.
        config: the resolved config.
        folder: where W&B may keep its own files.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        cell_id: str,
        name: str,
        study: str,
        labels: Mapping[str, Any],
        config: Mapping[str, Any],
        folder: Path,
    ) -> None:
        import wandb

        self._labels = labels
        online = mode() == "online"
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=settings["project"],
            entity=settings["entity"],
            id=cell_id,
            name=name,
            group=study,
            job_type=labels["adaptation"],
            tags=[
                f"{key}={labels[key]}"[:64] for key in ("dataset", "backbone", "weights", "split", "fraction", "seed")
            ],
            config=dict(config),
            dir=str(folder),
            mode=mode(),
            resume="allow" if online else None,
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=20,
                x_disable_stats=True,
                x_disable_meta=True,
                disable_git=True,
                disable_code=True,
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

        classes = [self._labels["negative"], self._labels["positive"]]
        truth = predictions["label"].tolist()
        positive = 1 / (1 + np.exp(-predictions["logit"].to_numpy()))
        probabilities = np.column_stack([1 - positive, positive]).tolist()
        self._run.log(
            {
                "roc": wandb.plot.roc_curve(truth, probabilities, labels=classes),
                "precision_recall": wandb.plot.pr_curve(truth, probabilities, labels=classes),
                "confusion": wandb.plot.confusion_matrix(
                    y_true=truth,
                    preds=(positive >= metrics["threshold"]["value"]).astype(int).tolist(),
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
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return "online" if netrc.netrc().authenticators(host) else "offline"
    except (OSError, netrc.NetrcParseError):
        return "offline"
