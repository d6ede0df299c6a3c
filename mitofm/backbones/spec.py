"""A backbone as data: everything that decides what its embeddings are, and where it comes from. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge

from mitofm.ground import fingerprints
from mitofm.ground.settings import Count, Natural, Positive, UpToOne, read

CONTRACT = (
    "name", "architecture", "kwargs", "weights", "img_size", "mean", "std", "interpolation", "embedding"
)  # fmt: skip
"""What decides the embeddings of given weights: the include-list of a backbone's identity."""
# Raise it when code gives other numbers for the same spec: `Backbone.transform`, a recipe, `views.py`, `PatchTokens`, what
# is read of weights. Cached embeddings, cells and checkpoints then have other names, and none is mistaken for another.
EMBEDDING_VERSION = 1


@dataclass(frozen=True)
class BackboneSpec:
    """One YAML of `conf/backbone/`.

    Attributes:
        name: the YAML's name.
        architecture: what timm builds.
        kwargs: arguments of the timm constructor besides `num_classes=0`; of a `..._layer` the name in `build.LAYERS`.
        family: `vit_tiny` ... `vit_giant` or `cnn`: the key under which adaptations keep their learning rates.
        weights: `pretrained` or `random` (the random twin); never a silent fallback from one to the other.
        file: name of the weights file in `paths.weights`, or a path to it.
        hub: repository on the Hugging Face hub, asked when the file is not on this machine.
        hub_file: name of the weights file in that repository.
        revision: commit or tag of that repository.
        sha256: of the weights file, where a public record states it: another file is refused.
        img_size: side in pixels of the square image that the trunk sees; patches are resized to it.
        mean: per-channel mean of the normalisation, in [0, 1].
        std: per-channel standard deviation of the normalisation.
        interpolation: `bicubic` or `bilinear`.
        embedding: a recipe of `recipes.py`.
        embed_dim: width of one token, or of the pooled features of a trunk without tokens; None takes what is built.
        prefix_tokens: class and register tokens before the patch tokens, 0 without tokens; None takes what is built.
        depth: number of transformer blocks; None without any, or to take what is built.
        parameters: parameters of the trunk without a classifier, at the stated `img_size`; None if not known.
        licence: SPDX name or the licence's own title.
        commercial: whether commercial use is allowed; None if its terms leave it open.
        redistribute_adapters: whether what was trained on top may be passed on (on the licence's conditions); None
            if its terms leave it open.
        gated: whether the hub asks to accept terms first.
        link: the model card.
        pretraining: data sets it has seen, to flag overlap with a test set; `private` for any that is not public.
        mpp: resolutions it was trained at or is recommended for, in micrometre per pixel; empty if none is stated.
    """

    name: str
    architecture: str
    kwargs: dict[str, Any]
    family: str
    weights: Literal["pretrained", "random"]
    file: str | None
    hub: str | None
    hub_file: str
    revision: str | None
    sha256: str | None
    img_size: Annotated[int, Ge(8)]
    mean: tuple[UpToOne, UpToOne, UpToOne]
    std: tuple[Positive, Positive, Positive]
    interpolation: Literal["bicubic", "bilinear"]
    embedding: str
    embed_dim: Count | None
    prefix_tokens: Natural | None
    depth: Natural | None
    parameters: Count | None
    licence: str | None
    commercial: bool | None
    redistribute_adapters: bool | None
    gated: bool
    link: str | None
    pretraining: tuple[str, ...]
    mpp: tuple[Positive, ...]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BackboneSpec:
        """Read the `backbone` group.

        Raises:
            MitofmError: a key is missing, unknown or holds what it cannot hold.
        """
        return read(cls, config, "backbone")

    def contract(self) -> dict[str, Any]:
        """What decides the embeddings of given weights, as JSON-like data."""
        values = {key: getattr(self, key) for key in CONTRACT}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return {"version": EMBEDDING_VERSION, **plain}

    def fingerprint(self, weights_sha256: str, precision: str, initialisation: int | None) -> str:
        """Names the embeddings this backbone gives: contract, weights, precision and, for random ones, their seed."""
        return fingerprints.of([self.contract(), weights_sha256, precision, initialisation])
