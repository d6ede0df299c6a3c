"""The resolved config of a cell, read and checked once, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le

from mitofm.backbones.spec import BackboneSpec
from mitofm.data import fractions
from mitofm.data.dataset import Dataset
from mitofm.data.splits.part import Strategy
from mitofm.evaluation.comparisons import Comparisons
from mitofm.ground import below, context, fingerprints
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import remember
from mitofm.ground.settings import Count, Natural, NotNegative, Seen, UpToOne, read, read_value
from mitofm.training.attempts import Attempt, attempt

if TYPE_CHECKING:
    import numpy as np

    from mitofm.adaptation.frozen import FrozenAdaptation
    from mitofm.adaptation.gradient import GradientAdaptation
    from mitofm.data.confounders.base import Confounder

PROTOCOL_VERSION = 4
"""Part of every cell's id. Raise it, once per release, when the same identity would give another result."""

_BUILT: set[str] = set()
"""The parts of models that this process has built once: the cells of a grid share them."""

UpToTen = Annotated[float, Ge(0), Le(10)]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Forward:
    """The keys of the group `fit` that a forward pass needs; a checkpoint keeps them."""

    batch_size: Count
    precision: Precision
    test_views: Literal[1, 8]
    """Over how many dihedral views the predictions of gradient modes are averaged."""


@dataclass(frozen=True, kw_only=True)
class Fit(Forward):
    """The group `fit`; `conf/fit/default.yaml` says what each key is. Keys with a default are younger than mitofm 0.1."""

    name: str
    budget: Literal["passes", "steps"]
    max_epochs: Count
    min_steps: Count
    max_steps: Count | None
    warmup: UpToOne
    cooldown: UpToOne | None = None
    gradient_clip: NotNegative | None
    labels: Literal["majority", "votes"] = "majority"
    sampler: Literal["natural", "class", "domain", "class_and_domain"]
    class_weight: Literal["balanced", "none"]
    domain_weight: Literal["balanced", "none"]
    focal_gamma: UpToTen
    label_smoothing: UpToOne
    mixup: UpToTen
    cutmix: UpToTen
    patience: Count
    checks: Count

    def __post_init__(self) -> None:
        if self.budget == "steps" and self.max_steps is None:
            raise MitofmError("fit.budget=steps: say how many with fit.max_steps=...")

    @property
    def balanced(self) -> list[str]:
        """The columns of a sample whose values weigh the same in the loss."""
        weights = {"label": self.class_weight, "domain": self.domain_weight}
        return [column for column, weight in weights.items() if weight == "balanced"]

    @property
    def learns_votes(self) -> bool:
        """Whether to train towards the share of experts who called a sample positive, in place of its label."""
        return self.labels == "votes"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How any training uses its machine; no result depends on it."""

    accelerator: Literal["auto", "cpu", "cuda"]
    threads: Count
    progress: bool
    checkpoint_seconds: NotNegative


@dataclass(frozen=True, kw_only=True)
class Trainer(Machine):
    """The group `trainer`; `conf/trainer/default.yaml` says what each key is."""

    devices: Count
    workers: Natural
    accumulate: Count
    gradient_checkpointing: bool
    token_cache_gb: NotNegative
    prefix_cache_gb: NotNegative = 32  # cells of before it do not state it


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The group `protocol`: how many validation samples are enough to choose on, and the confounders."""

    name: str
    validation_samples: Natural
    validation_samples_per_class: Natural
    confounders: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        self.built  # noqa: B018  an error in a confounder is raised now

    def can_choose(self, labels: np.ndarray) -> bool:
        """Whether validation samples of these labels, int (n,), are enough to choose a checkpoint, C and the threshold on.

        Those of one class never are.
        """
        positives = int(labels.sum())
        fewest = min(positives, len(labels) - positives)
        return len(labels) >= self.validation_samples and fewest >= max(1, self.validation_samples_per_class)

    @cached_property
    def built(self) -> dict[str, Confounder]:
        """The confounders that change a split, sorted by name; the others are values of other groups."""
        place = "protocol.confounders"
        return {
            name: instantiate(config, f"{place}.{name}")
            for name, config in sorted(self.confounders.items())
            if "_target_" in config
        }


@dataclass(frozen=True, kw_only=True)
class Logger:
    """The group `logger`: the copies of a cell's metrics."""

    csv: bool
    wandb: bool
    project: str
    entity: str | None
    tensorboard: bool = False  # cells of before it do not state it, nor what follows
    mlflow: bool = False
    crops: bool = False


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The group `paths`: folders."""

    data: Path
    runs: Path
    cache: Path
    weights: Path

    def __post_init__(self) -> None:
        """Close the folders that only mitofm writes: no link in them is followed."""
        below.close(self.runs)
        below.close(self.cache)

    def plain(self) -> dict[str, str]:
        """The group as a config states it."""
        return {name: str(path) for name, path in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class AugmentList:
    """The group `augment`: configs of albumentations, in order."""

    name: str
    transforms: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """The keys that `_Config` and `Settings` share."""

    backbone: BackboneSpec
    augment: AugmentList
    fit: Fit
    protocol: Protocol
    trainer: Trainer
    logger: Logger
    paths: Paths
    fraction: float
    seed: Natural
    split_seed: Natural | None = None
    training_seed: Natural | None = None
    study: str
    on_error: Literal["continue", "raise"] = "continue"


@dataclass(frozen=True, kw_only=True)
class _Config(_Shared):
    """All keys of `conf/train.yaml`; objects are not built yet."""

    data: Mapping[str, Any]
    split: Mapping[str, Any]
    adaptation: Mapping[str, Any]
    comparisons: Mapping[str, Any] | None = None
    debug: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Settings(_Shared):
    """One cell, as its resolved config describes it.

    Attributes:
        config: all of it as plain data, to be stored, hashed and sent to W&B.
        dataset: the data set, on this machine or not.
        split: the strategy that divides it.
        comparisons: the planned comparisons of the study; None if it plans none.
        on_error: what a sweep does if a cell fails.
    """

    config: Mapping[str, Any]
    dataset: Dataset
    split: Strategy
    comparisons: Comparisons | None

    @classmethod
    def read(cls, config: Mapping[str, Any], seen: Seen | None = None) -> Settings:
        """Read a resolved config. Opens no data and imports no torch; `check_model` checks the rest.

        Args:
            config: the config, as plain data.
            seen: what was read of configs that share parts with this one.

        Raises:
            MitofmError: a value is wrong; names its key and the allowed values.
        """
        seen = seen or Seen()
        stated = read(_Config, config, seen=seen)
        read_value(str, stated.adaptation.get("name"), "adaptation.name")
        compared = stated.comparisons
        settings = cls(
            config=config,
            dataset=seen.make("dataset", (stated.data, stated.paths), lambda: Dataset(stated.data, stated.paths.cache)),
            split=seen.make("split", (stated.split,), lambda: instantiate(stated.split, "split")),
            comparisons=None
            if compared is None
            else seen.make("comparisons", (compared,), lambda: Comparisons.from_config(compared)),
            **{one.name: getattr(stated, one.name) for one in fields(_Shared)},
        )
        fractions.check(settings.fraction, settings.split.fraction_unit)
        settings.dataset.source  # noqa: B018  its errors are raised now
        settings.dataset.download  # noqa: B018
        settings._check_votes()
        if settings.fit.cooldown is not None and settings.config["adaptation"].get("search"):
            raise MitofmError(
                "adaptation.search chooses a rate by the best check of the validation samples; with fit.cooldown there are no checks: "
                "leave one of the two out"
            )
        return settings

    @property
    def seed_of_split(self) -> int:
        """What split and fraction are drawn from."""
        return self.seed if self.split_seed is None else self.split_seed

    @property
    def seed_of_training(self) -> int:
        """What all that is random in training is drawn from: initialisation, order, augmentation, dropout, folds to choose by."""
        return self.seed if self.training_seed is None else self.training_seed

    @property
    def seeds_apart(self) -> dict[str, int]:
        """`split_seed` and `training_seed`, if they are set."""
        both = {"split_seed": self.split_seed, "training_seed": self.training_seed}
        return {name: seed for name, seed in both.items() if seed is not None}

    @cached_property
    def adaptation(self) -> FrozenAdaptation | GradientAdaptation:
        """How the backbone becomes a classifier. Imports torch."""
        return instantiate(self.config["adaptation"], "adaptation")

    @property
    def adaptation_name(self) -> str:
        """The adaptation's name. Imports nothing."""
        return self.config["adaptation"]["name"]

    def check_model(self, attempt: Attempt = attempt) -> None:
        """Build augmentation, adaptation and backbone once, without weights and memory, to raise their errors early.

        What could be built is remembered in the cache, for this code and these versions of libraries.

        Raises:
            MitofmError: one of them cannot be built.
            Infeasible: the backbone lacks what its recipe needs.
        """
        crop_px = self.dataset.card.crop_px
        for group, more in (("augment", [crop_px]), ("adaptation", []), ("backbone", [])):
            part = repr([group, self.config[group], *more])
            if part not in _BUILT:
                entry = self.paths.cache / "models" / f"{fingerprints.of([context.of_code(), part])[:32]}.json"
                remember(entry, "built", partial(_succeed, attempt, group, self.config[group], crop_px))
                _BUILT.add(part)

    def _check_votes(self) -> None:
        """Raise a MitofmError if a confounder changes labels: votes count for the sample at the centre of a crop only."""
        for name, confounder in self.protocol.built.items():
            if self.fit.learns_votes and confounder.relabels:
                raise MitofmError(
                    f"fit.labels=votes: confounder {name!r} gives samples labels that nobody voted on; take "
                    "fit.labels=majority, or leave it out"
                )


def _succeed(attempt: Attempt, group: str, part: Mapping[str, Any], crop_px: int) -> bool:
    attempt(group, part, crop_px)
    return True
