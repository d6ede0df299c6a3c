"""All that the resolved config of a cell says, read once: what is wrong with a value is said here, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le

from mitofm.backbones.spec import BackboneSpec
from mitofm.data import fractions
from mitofm.data.dataset import Dataset
from mitofm.data.splits.part import Strategy
from mitofm.evaluation.comparisons import Comparisons
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Count, Natural, NotNegative, UpToOne, read, read_value

if TYPE_CHECKING:
    from mitofm.adaptation.frozen import FrozenAdaptation
    from mitofm.adaptation.gradient import GradientAdaptation
    from mitofm.data.confounders.base import Confounder

_BUILT: set[str] = set()
"""The models that this process has seen to be buildable: cells of a grid share theirs."""

UpToTen = Annotated[float, Ge(0), Le(10)]


@dataclass(frozen=True, kw_only=True)
class Forward:
    """What a forward pass takes of the group `fit`; a checkpoint keeps it."""

    batch_size: Count
    precision: Literal["fp32", "bf16"]
    test_views: Literal[1, 8]
    """Predictions of gradient modes are averaged over so many dihedral views."""


@dataclass(frozen=True, kw_only=True)
class Fit(Forward):
    """The group `fit`; `conf/fit/default.yaml` says what each key is. Keys with a default are younger than mitofm 0.1."""

    name: str
    budget: Literal["passes", "steps"]
    max_epochs: Count
    min_steps: Count
    max_steps: Count | None
    warmup: UpToOne
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
    def learns_votes(self) -> bool:
        """Whether the share of experts who called a sample positive is trained towards, in place of its label."""
        return self.labels == "votes"


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """The group `trainer`; `conf/trainer/default.yaml` says what each key is."""

    accelerator: Literal["auto", "cpu", "cuda"]
    devices: Count
    threads: Count
    workers: Natural
    progress: bool
    accumulate: Count
    gradient_checkpointing: bool
    checkpoint_seconds: NotNegative
    token_cache_gb: NotNegative


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The group `protocol`: when validation samples are enough to choose on, and what confounds."""

    name: str
    validation_samples: Natural
    validation_samples_per_class: Natural
    confounders: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        self.built  # noqa: B018  whatever is wrong with a confounder is said now

    @cached_property
    def built(self) -> dict[str, Confounder]:
        """The confounders that change a split, by name in order; the others are settings that are read elsewhere."""
        place = "protocol.confounders"
        return {
            name: instantiate(config, f"{place}.{name}")
            for name, config in sorted(self.confounders.items())
            if "_target_" in config
        }

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "built"}


@dataclass(frozen=True, kw_only=True)
class Logger:
    """The group `logger`: which copies of a cell's metrics are kept, and where."""

    csv: bool
    wandb: bool
    project: str
    entity: str | None


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The group `paths`: folders."""

    data: Path
    runs: Path
    cache: Path
    weights: Path

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
    """What a config states as it is used."""

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
    """All keys of `conf/train.yaml`; what is built is still a map."""

    data: Mapping[str, Any]
    split: Mapping[str, Any]
    adaptation: Mapping[str, Any]
    comparisons: Mapping[str, Any] | None = None
    debug: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Settings(_Shared):
    """One cell, as its resolved config asks for it.

    Attributes:
        config: the whole of it, as it is stored, hashed and sent to W&B.
        dataset: the data set, on this machine or not.
        split: the strategy that divides it.
        comparisons: what the study stated that it would compare; None if it stated nothing.
        on_error: what a sweep does if a cell fails.
    """

    config: Mapping[str, Any]
    dataset: Dataset
    split: Strategy
    comparisons: Comparisons | None

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Settings:
        """Read a resolved config. Opens no data and imports no torch; `check_model` looks at the rest.

        Raises:
            MitofmError: the first thing that is wrong, with its key and what is allowed.
        """
        stated = read(_Config, config)
        read_value(str, stated.adaptation.get("name"), "adaptation.name")
        settings = cls(
            config=config,
            dataset=Dataset(stated.data, stated.paths.cache),
            split=instantiate(stated.split, "split"),
            comparisons=None if stated.comparisons is None else Comparisons.from_config(stated.comparisons),
            **{one.name: getattr(stated, one.name) for one in fields(_Shared)},
        )
        fractions.check(settings.fraction, settings.split.fraction_unit)
        settings.dataset.source  # noqa: B018  whatever is wrong with it is said now
        settings.dataset.download  # noqa: B018
        settings._check_votes()
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
        return instantiate(self.stated("adaptation"), "adaptation")

    @property
    def adaptation_name(self) -> str:
        """The adaptation's name. Imports nothing."""
        return self.stated("adaptation")["name"]

    def stated(self, group: str) -> dict[str, Any]:
        """A group as the config states it, to be stored."""
        return self.config[group]

    def check_model(self) -> None:
        """Build augmentation, adaptation and backbone, without weights and memory, to see that they can be built.

        Raises:
            MitofmError: one of them cannot.
            Infeasible: the backbone has not what its recipe takes.
        """
        groups = [self.stated(group) for group in ("adaptation", "augment", "backbone")]
        model = repr([*groups, crop_px := self.dataset.card.crop_px])
        if model in _BUILT:
            return
        from mitofm.backbones.build import build
        from mitofm.backbones.meta import on_meta
        from mitofm.backbones.weights import Weights
        from mitofm.data.augment import Augment

        self.adaptation  # noqa: B018  to build it is to check it; whether it fits the backbone is a matter of the cell
        Augment(self.augment.transforms, crop_px)
        with on_meta():
            build(self.backbone, Weights(None, "none"), 0)
        _BUILT.add(model)

    def _check_votes(self) -> None:
        """Votes are of the sample at the centre of a crop: they say nothing of labels that a confounder gives it."""
        for name, confounder in self.protocol.built.items():
            if self.fit.learns_votes and confounder.relabels:
                raise MitofmError(
                    f"fit.labels=votes: confounder {name!r} gives samples labels that nobody voted on; take "
                    "fit.labels=majority, or leave it out"
                )

    def __getstate__(self) -> dict[str, Any]:
        """For another process: what is built is built again there."""
        return {key: value for key, value in self.__dict__.items() if key != "adaptation"}
