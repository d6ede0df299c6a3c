"""The machine and the software that a cell ran on, recorded beside its results; no part of its identity."""

from __future__ import annotations

import functools
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import mitofm
from mitofm.ground import plugins, versions
from mitofm.ground.peak_memory import read_peak_memory


def describe(device: torch.device) -> dict[str, Any]:
    """Python, packages, platform, device, threads, the revision of mitofm if it runs from a checkout, plug-ins if any are allowed."""
    named = plugins.describe()
    return {
        **({"plugins": named} if named else {}),
        "mitofm": mitofm.__version__,
        "revision": _read_revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions.list_installed(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
    }


def reset_peak_memory(device: torch.device) -> None:
    """Let `measure_peak_memory` count from now: the process may have fitted other cells. On macOS a peak stays."""
    if device.type == "cuda":
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure_peak_memory(device: torch.device) -> float:
    """Peak memory in MiB: of the GPU's allocator on a GPU, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return read_peak_memory()


@functools.cache
def _read_revision() -> str | None:
    checkout = Path(mitofm.__file__).parent.parent
    if not (checkout / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
