"""A written report as one W&B run: its tables, its figures but for crops, and its AUROCs. A copy that can fail nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.ground import below, fingerprints
from mitofm.ground.csv_cells import read_csv
from mitofm.training.copies.copied_names import spell_name
from mitofm.training.copies.wandb_run import choose_mode
from mitofm.training.settings import Logger

_log = logging.getLogger(__name__)
_AXES = ("dataset", "setting", "train_domain", "set", "model", "adaptation", "fraction")


def log_report(out: Path, study: str, logger: Logger, folder: Path) -> None:
    """Log the report in the folder `out`; a failure is only a warning.

    Args:
        study: group of the run, from which its id follows: a report made again goes into the same run.
        logger: the group `logger`.
        folder: where W&B may keep its own files.
    """
    try:
        _log_report(out, study, logger, folder)
    except Exception as error:
        _log.warning("W&B gave up (%s: %s); the report in %s is complete", type(error).__name__, error, out)


def summarise(results: pd.DataFrame) -> dict[str, float]:
    """The AUROC of each row of `results.csv` with the ends of its interval, by the words of the row."""
    found: dict[str, float] = {}
    for row in results.to_dict("records"):
        place = spell_name("/".join(str(row[axis]) for axis in _AXES if pd.notna(row[axis])))
        found |= {f"{place}/{name}": row[name] for name in ("auroc", "auroc_low", "auroc_high") if pd.notna(row[name])}
    return found


def list_logged(out: Path, crops: bool = False) -> dict[str, Path]:
    """What of a report is logged, by the key it is logged under. Without `crops` they stay on this machine."""
    files = [*sorted((out / "tables").rglob("*.csv")), *sorted((out / "figures").rglob("*.png"))]
    kept = [file for file in files if crops or not file.name.startswith("mistakes-")]
    # Not with_suffix: a name may hold a dot.
    return {spell_name(file.relative_to(out).as_posix().removesuffix(file.suffix)): file for file in kept}


def _log_report(out: Path, study: str, logger: Logger, folder: Path) -> None:
    import wandb

    below.check(folder / "wandb").parent.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        project=logger.project,
        entity=logger.entity,
        id=fingerprints.of(["report", study])[:32],
        name=spell_name(f"report-{study}"),
        group=study,
        job_type="report",
        dir=str(folder.resolve()),  # W&B's service keeps the folder that it was started in
        mode=choose_mode(),
        resume="allow" if choose_mode() == "online" else None,
        settings=wandb.Settings(
            silent=True,
            console="off",
            init_timeout=20,
            x_disable_stats=True,
            x_disable_meta=True,  # the command, with its folders, and the machine's name
            disable_git=True,
            disable_code=True,
        ),
    )
    failed = True
    try:
        logged: dict[str, Any] = {}
        for key, file in list_logged(out, logger.crops).items():
            if file.suffix == ".png":
                logged[key] = wandb.Image(str(file))
                continue
            table = read_csv(file)
            logged[key] = wandb.Table(dataframe=table)
            if file.name == "results.csv":
                run.summary.update(summarise(table))
        run.log(logged)
        failed = False
    finally:
        run.finish(exit_code=int(failed))
