"""`mitofm embed`: the embeddings of a data set by many processes, each its shares of the one file that cells read."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mitofm.commands.composing.compose import compose
from mitofm.commands.sweeping.launching import count_processes
from mitofm.commands.sweeping.parallel import run_all
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing
from mitofm.ground.settings import Count, Positive, read
from mitofm.ground.terminal import tell
from mitofm.runs import devices
from mitofm.runs.execute import check
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

if TYPE_CHECKING:
    from mitofm.training.extraction import Measured


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """The keys of `conf/embed.yaml` that `conf/train.yaml` does not have."""

    launcher: Literal["basic", "local"]
    n_jobs: int
    plan: bool
    crops: Count | None
    hours: Positive

    def __post_init__(self) -> None:
        if self.n_jobs < 1 and self.n_jobs != -1:
            raise MitofmError(f"n_jobs={self.n_jobs}: give a number of processes, or -1 for one per core")


def main(arguments: list[str]) -> None:
    """Compute the embeddings beside all processes that do the same, and print where they are; or plan them."""
    config = resolve(compose("embed", arguments))
    asked = read(EmbedSettings, {one.name: config.pop(one.name) for one in fields(EmbedSettings)})
    settings = check(config)
    from mitofm.training.extraction import measure, read_frozen

    read_frozen(settings)
    if asked.plan:
        tell(*_plan(measure(settings), asked, settings.paths.cache))
        return
    if asked.launcher == "basic":
        tell(_work(config, 0, 0))
        return
    processes = count_processes(asked.n_jobs)
    ended = run_all(partial(_work, config, processes), range(1, processes + 1), processes, False, kind="worker")
    told = [one for one in ended if isinstance(one, str)]
    if not told:
        raise SystemExit(1)
    if len(told) < processes:
        tell(f"mitofm: the other workers have done what {processes - len(told)} left", file=sys.stderr)
    tell(told[0])


def _work(config: dict[str, Any], processes: int, _: int) -> str:
    """Compute shares until all are written; with `processes` on a part of the machine. Returns what to tell."""
    settings = Settings.read(config)
    if processes:
        devices.claim(processes, cpu_only=settings.trainer.accelerator == "cpu")
    from mitofm.training.extraction import extract

    file, features = extract(settings)
    return f"embeddings: {file} ({' x '.join(map(str, features.shape))}, {features.nbytes / 1e9:.3g} GB)"


def _plan(measured: Measured, asked: EmbedSettings, cache: Path) -> Iterator[str]:
    """Time, disk and jobs of so many crops at the rate that was measured, in lines of text."""
    crops, rate = asked.crops or measured.of_store, measured.crops / measured.seconds
    hours = crops / rate / 3600
    yield (
        f"measured: {rate:,.0f} crops a second in one process on {measured.device} "
        f"({measured.crops:,} crops in {measured.seconds:.1f} s, read from their store)"
    )
    yield f"time: {crops:,} crops take {hours:.3g} h of one process: {math.ceil(hours / asked.hours):,} jobs of {asked.hours:g} h"
    free = shutil.disk_usage(find_existing(cache)).free / 1e9
    yield (
        f"disk: {crops * measured.bytes_each / 1e9:,.3g} GB of embeddings, and {crops * measured.patch_bytes / 1e9:,.3g} GB "
        f"of patches, in {cache}, where {free:,.0f} GB are free"
    )
