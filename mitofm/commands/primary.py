"""What each command but `train` takes, one class for each primary config of `conf/`: read, and so checked, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from mitofm.commands.composing import compose
from mitofm.ground.settings import Natural, NotNegative, Patches, Positive, read
from mitofm.runs.resolve import plain
from mitofm.training.settings import Logger, Paths, Trainer

Way = Literal["check", "ignore"]
"""Whether libraries of other versions, if they are known to give other numbers, stop a command."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """`conf/bundle.yaml`."""

    paths: Paths
    output: Path | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Clean:
    """`conf/clean.yaml`."""

    paths: Paths
    yes: bool


@dataclass(frozen=True, kw_only=True)
class Compare:
    """`conf/compare.yaml`."""

    paths: Paths
    out: Path | None


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """`conf/dashboard.yaml`."""

    paths: Paths
    logger: Logger
    study: str
    dry_run: bool


@dataclass(frozen=True, kw_only=True)
class Export:
    """`conf/export.yaml`, which has no data set unless one is typed."""

    data: Mapping[str, Any] | None = None
    paths: Paths
    format: Literal["safetensors", "torchscript", "onnx"]
    output: Path | None
    patches: Patches
    tolerance: Positive
    for_own_use: bool
    versions: Way
    weights_file: str | None


@dataclass(frozen=True, kw_only=True)
class Predict:
    """`conf/predict.yaml`."""

    data: Mapping[str, Any]
    trainer: Trainer
    paths: Paths
    output: Path | None
    samples: Path | None
    as_trained: bool
    versions: Way
    weights_file: str | None


@dataclass(frozen=True, kw_only=True)
class RandomPositions:
    """`background` of `conf/prepare.yaml`."""

    per_image: Natural
    distance_px: NotNegative
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class JitteredPositions:
    """`jittered` of `conf/prepare.yaml`."""

    per_cell: Natural
    offset_px: Natural
    seed: Natural


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """`conf/prepare.yaml`."""

    data: Mapping[str, Any]
    paths: Paths
    download: bool
    strict: bool
    distance_um: NotNegative
    look: bool
    background: RandomPositions
    jittered: JitteredPositions


@dataclass(frozen=True, kw_only=True)
class Report:
    """`conf/report.yaml`."""

    paths: Paths
    logger: Logger
    bundle: Path | None
    study: str | None
    beside: Path | None
    crops: bool
    out: Path | None


@dataclass(frozen=True, kw_only=True)
class Status:
    """`conf/status.yaml`."""

    paths: Paths
    study: str | None
    watch: Positive | None


@dataclass(frozen=True, kw_only=True)
class Verify:
    """`conf/verify.yaml`."""

    paths: Paths
    tolerance: NotNegative
    scratch: Path | None
    versions: Way


def ask(kind: type[T], overrides: Sequence[str]) -> T:
    """The settings of a command, from the primary config of its name and what was typed.

    Raises:
        MitofmError: a key or a value is wrong.
    """
    return read(kind, plain(compose(kind.__name__.lower(), overrides)))
