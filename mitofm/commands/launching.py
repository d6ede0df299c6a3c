"""What a launcher must be right for before it starts anything, and where it puts a process."""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mitofm.commands.composing import CommandLine
from mitofm.ground.errors import MitofmError
from mitofm.runs import devices
from mitofm.training.settings import Settings


def check_launcher(found: CommandLine, settings: Settings) -> None:
    """Refuse what a launcher cannot do.

    Raises:
        MitofmError: a cell would get other devices than it uses; or a sweep under Slurm is asked to stop at the first
            failure, which its other jobs know nothing of.
    """
    if not found.multirun:
        return
    trainer, launches = settings.trainer, found.launches
    devices = trainer.devices
    if found.launcher == "local" and devices > 1:
        raise MitofmError(
            f"trainer.devices={devices}: a process of hydra/launcher=local has one GPU, or a group of cores, to itself. "
            "Take hydra/launcher=basic, whose cells have the whole machine in turn, or trainer=default"
        )
    if found.launcher == "local" and not (isinstance(launches.n_jobs, int) and launches.n_jobs):
        raise MitofmError(
            f"hydra.launcher.n_jobs={launches.n_jobs}: give a number of processes, or -1 for one per core"
        )
    if found.launcher != "slurm":
        return
    if launches.nodes * launches.tasks_per_node != 1:
        raise MitofmError(
            f"hydra.launcher.nodes={launches.nodes} tasks_per_node={launches.tasks_per_node}: a cell is one task on one "
            "node, which starts a process for each of its trainer.devices itself. Leave both out"
        )
    gpus = launches.gpus_per_node
    if trainer.accelerator != "cpu" and gpus != devices and (gpus is not None or devices > 1):
        raise MitofmError(
            f"trainer.devices={devices}, but a job is given hydra.launcher.gpus_per_node={gpus or 'null'}: "
            "give both the same number (or trainer.accelerator=cpu)"
        )
    if settings.on_error == "raise":
        raise MitofmError(
            "on_error=raise cannot stop the other jobs of hydra/launcher=slurm: leave it out, or scancel them"
        )


def count_processes(n_jobs: int) -> int:
    """How many processes `hydra.launcher.n_jobs` asks for: -1 is one per core."""
    return n_jobs if n_jobs > 0 else devices.count_cores()


def claim_place(config: DictConfig) -> bool:
    """Pin a process of the launcher `local` to its part of the machine; whether this process runs a sweep's cells in turn."""
    launcher = HydraConfig.get().launcher
    if "n_jobs" in launcher:
        devices.claim(count_processes(launcher.n_jobs), cpu_only=config.trainer.accelerator == "cpu")
    return launcher._target_.endswith("BasicLauncher")
