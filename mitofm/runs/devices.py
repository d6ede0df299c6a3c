"""Gives each process of a parallel sweep a part of the machine to itself: a GPU, or a group of cores."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_claimed: FileLock | None = None


def claim(processes: int, cpu_only: bool) -> None:
    """Pin this process, for its whole life, to the GPU or the group of cores that the fewest others have claimed.

    Call it before torch starts, which counts GPUs once. Claims are locks that end with their process; all sweeps of a
    user on this machine share them. `processes` is the number that run at once; with `cpu_only` no GPU is claimed.
    """
    global _claimed
    if _claimed is not None:
        return
    devices = [] if cpu_only else list_gpus()
    slot, _claimed = _claim_slot(len(devices) or processes)
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[slot]
    elif hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[slot::processes] or cores)


def count_cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def list_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Starts no CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        try:
            visible = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        except (OSError, subprocess.SubprocessError):
            return []
    return [name for name in visible.replace(",", " ").split() if name != "-1"]


def _claim_slot(slots: int) -> tuple[int, FileLock]:
    """Claim the slot with the fewest claims: its number, and the lock that is the claim."""
    folder = Path(tempfile.gettempdir()) / f"mitofm-{os.getuid()}-of-{slots}"
    folder.mkdir(exist_ok=True)
    turn = 0
    while True:
        for slot in range(slots):
            lock = FileLock(folder / f"{slot}-{turn}.lock")
            with suppress(Timeout):
                lock.acquire(blocking=False)
                return slot, lock
        turn += 1
