"""A backbone as data: everything that decides what its embeddings are, and where it comes from. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge

from mitofm.ground import fingerprints
from mitofm.ground.settings import Count, Natural, Positive, UpToOne, read

CONTRACT = (
    "name", "architecture", "kwargs", "weights", "img_size", "mean", "std", "interpolation", "embedding", "lora_alpha"
)  # fmt: skip
"""What decides the embeddings of given weights: the include-list of a backbone's identity. A `lora_alpha` of None is no part."""
# Raise it when code gives other numbers for the same spec: `Backbone.transform`, a recipe, `views.py`, `PatchTokens`, what
# is read of weights. Cached embeddings, cells and checkpoints then have other names, and none is mistaken for another.
EMBEDDING_VERSION = 1


@dataclass(frozen=True)
class BackboneSpec:
    """One YAML of `conf/backbone/`; an `embed_dim`, `prefix_tokens` or `depth` of None takes what is built."""

    name: str  # the YAML's
    architecture: str  # what timm builds
    kwargs: dict[str, Any]  # of timm's constructor besides `num_classes=0`; of a `..._layer` the name in `build.LAYERS`
    family: str  # `vit_tiny` ... `vit_giant` or `cnn`: the key under which adaptations keep their learning rates
    weights: Literal["pretrained", "random"]  # `random`: the random twin; never a silent fallback
    file: str | None  # name of the weights file in `paths.weights`, or a path to it
    hub: str | None  # repository on the Hugging Face hub, asked if the file is not on this machine
    hub_file: str  # name of the weights file in that repository
    revision: str | None  # commit or tag of that repository
    sha256: str | None  # of the weights file, if a public record states it: another file is refused
    img_size: Annotated[int, Ge(8)]  # side in px of the square image that the trunk sees; patches are resized to it
    mean: tuple[UpToOne, UpToOne, UpToOne]  # of the normalisation, per channel in 0..1
    std: tuple[Positive, Positive, Positive]  # standard deviation of the normalisation, per channel
    interpolation: Literal["bicubic", "bilinear"]
    embedding: str  # a recipe of `recipes.py`
    embed_dim: Count | None  # width of one token, or of the pooled features of a trunk without tokens
    prefix_tokens: Natural | None  # class and register tokens before the patch tokens, 0 without tokens
    depth: Natural | None  # number of transformer blocks; None also without any
    parameters: Count | None  # of the trunk without a classifier, at the stated `img_size`; None if not known
    licence: str | None  # SPDX name or the licence's own title
    commercial: bool | None  # whether commercial use is allowed; None if its terms leave it open
    redistribute_adapters: bool | None
    """Whether what was trained on top may be passed on (on the licence's conditions); None if its terms leave it open."""
    gated: bool | None  # whether the hub asks to accept terms first; None if not known
    link: str | None  # the model card
    pretraining: tuple[str, ...]  # data sets it has seen, to flag overlap with a test set; `private` if not public
    mpp: tuple[Positive, ...]  # micrometre per px it was trained at or is recommended for; empty if none is stated
    lora_alpha: Positive | None = None  # of LoRA deltas in the weights file, merged as it is read; None if it has none

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BackboneSpec:
        """Read the `backbone` group.

        Raises:
            MitofmError: a key is missing, unknown or holds what it cannot hold.
        """
        return read(cls, config, "backbone")

    @property
    def page(self) -> str:
        """Where its terms are to be read."""
        return self.link or (f"the page of {self.hub} on the hub" if self.hub else "the page that it is from")

    def contract(self) -> dict[str, Any]:
        """What decides the embeddings of given weights, as JSON-like data."""
        stated = {key: getattr(self, key) for key in CONTRACT if key != "lora_alpha" or self.lora_alpha is not None}
        return {"version": EMBEDDING_VERSION, **stated, "mean": list(self.mean), "std": list(self.std)}

    def fingerprint(self, weights_sha256: str, precision: str, initialisation: int | None) -> str:
        """Names the embeddings this backbone gives: contract, weights, precision and, for random ones, their seed."""
        return fingerprints.of([self.contract(), weights_sha256, precision, initialisation])
