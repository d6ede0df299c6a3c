"""What a launcher must be right for before it starts anything, and where it puts a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig

from mitofm.commands.composing import Asked
from mitofm.errors import MitofmError
from mitofm.runs import devices


def check_launcher(found: Asked, config: Mapping[str, Any]) -> None:
    """Refuse what a launcher cannot do.

    Raises:
        MitofmError: one cell is asked to run in several processes, which only Slurm starts for each cell of a sweep; or a
            sweep under Slurm is asked to stop at the first failure, which its other jobs know nothing of.
    """
    if not found.multirun:
        return
    trainer = config["trainer"]
    if found.launcher != "slurm" and trainer["devices"] * trainer.get("nodes", 1) > 1:
        raise MitofmError(
            f"trainer.devices={trainer['devices']}: cells of several devices are started by hydra/launcher=slurm, not by "
            f"{found.launcher!r}. Take trainer=default, with hydra/launcher=local for one cell per device"
        )
    if found.launcher == "slurm" and config["on_error"] == "raise":
        raise MitofmError(
            "on_error=raise cannot stop the other jobs of hydra/launcher=slurm: leave it out, or scancel them"
        )


def settle(config: Mapping[str, Any]) -> bool:
    """Pin a process of the launcher `local` to its part of the machine; whether this process runs a sweep's cells in turn."""
    launcher = HydraConfig.get().launcher
    if "n_jobs" in launcher:
        processes = launcher.n_jobs if launcher.n_jobs > 0 else devices.cores()
        devices.claim(processes, cpu_only=config["trainer"]["accelerator"] == "cpu")
    return launcher._target_.endswith("BasicLauncher")
