"""A backbone as data: everything that decides what its embeddings are, and where it comes from. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mitofm import fingerprints
from mitofm.errors import MitofmError, unknown

WEIGHTS = ("pretrained", "random")


@dataclass(frozen=True)
class BackboneSpec:
    """One YAML of `conf/backbone/`.

    Attributes:
        name: the YAML's name.
        architecture: what timm builds.
        kwargs: arguments of the timm constructor besides `num_classes=0`.
        family: `vit_tiny` ... `vit_giant` or `cnn`: the key under which adaptations keep their learning rates.
        weights: `pretrained` or `random` (the random twin); never a silent fallback from one to the other.
        file: name of the weights file in `paths.weights`, or a path to it.
        hub: repository on the Hugging Face hub, asked when the file is not on this machine.
        hub_file: name of the weights file in that repository.
        revision: commit or tag of that repository.
        sha256: of the weights file, where stated: another file is refused.
        img_size: side in pixels of the square image that the trunk sees; patches are resized to it.
        mean: per-channel mean of the normalisation, in [0, 1].
        std: per-channel standard deviation of the normalisation.
        interpolation: `bicubic` or `bilinear`.
        embedding: a recipe of `recipes.py`.
        embed_dim: width of one token, or of the pooled features of a CNN.
        prefix_tokens: class and register tokens before the patch tokens; 0 for a CNN.
        parameters: parameters of the trunk without a classifier.
        licence: SPDX name or the licence's own title.
        gated: whether the hub asks to accept terms first.
        link: the model card.
        pretraining: data sets it has seen, to flag overlap with a test set.
    """

    name: str
    architecture: str
    kwargs: dict[str, Any]
    family: str
    weights: str
    file: str | None
    hub: str | None
    hub_file: str
    revision: str | None
    sha256: str | None
    img_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    embedding: str
    embed_dim: int
    prefix_tokens: int
    parameters: int
    licence: str
    gated: bool
    link: str
    pretraining: tuple[str, ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BackboneSpec:
        """Read the `backbone` group.

        Raises:
            MitofmError: a key is missing, unknown or holds what it cannot hold.
        """
        names = [field.name for field in fields(cls)]
        place = f"backbone {config.get('name', '?')!r}"
        for key in config:
            if key not in names:
                raise unknown("key", key, names, place)
        missing = [name for name in names if name not in config]
        if missing:
            raise MitofmError(f"{place} states no {', '.join(missing)}: add it to its YAML in conf/backbone/")
        spec = cls(**{**config, "mean": tuple(config["mean"]), "std": tuple(config["std"]),
                      "pretraining": tuple(config["pretraining"]), "kwargs": dict(config["kwargs"])})  # fmt: skip
        if spec.weights not in WEIGHTS:
            raise unknown("backbone.weights", spec.weights, WEIGHTS, place)
        if spec.img_size < 8:
            raise MitofmError(f"backbone.img_size={spec.img_size} in {place}: give the side in pixels, at least 8")
        return spec

    def contract(self) -> dict[str, Any]:
        """What decides the embeddings of given weights, as JSON-like data: the include-list of its identity."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "kwargs": self.kwargs,
            "weights": self.weights,
            "img_size": self.img_size,
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "embedding": self.embedding,
        }

    def fingerprint(self, weights_sha256: str, precision: str, initialisation: int | None) -> str:
        """Names the embeddings this backbone gives: contract, weights, precision and, for random ones, their seed."""
        return fingerprints.of([self.contract(), weights_sha256, precision, initialisation])
