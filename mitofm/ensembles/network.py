"""An ensemble as one network: linear heads on one frozen trunk become one head, other members stay side by side."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mitofm.adaptation.frozen import FrozenAdaptation
from mitofm.evaluation.threshold import read_logit
from mitofm.ground.errors import MitofmError
from mitofm.inference.export import Ready, describe, prepare
from mitofm.inference.model import Model
from mitofm.inference.network import Network, Writable
from mitofm.inference.trained import Checkpoint

_SHARED = ("input", "output", "mean_over_dihedral_views", "labels")
"""What members must have in common of what `describe` says."""


class Joined(Writable):
    """Networks of one input whose logits are summed with these weights, (members,), and a constant."""

    def __init__(self, members: Sequence[Writable], scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds of the positive class: normalised images (B, 3, S, S) -> (B,)."""
        return torch.stack([member(images) for member in self.members], dim=1) @ self.scale + self.shift

    def tensors(self) -> dict[str, Tensor]:
        """Those of each member under its number, `scale` and `shift`."""
        own = {"scale": self.scale, "shift": self.shift}
        for place, member in enumerate(self.members):
            assert isinstance(member, Writable)
            own |= {f"members.{place}.{name}": value for name, value in member.tensors().items()}
        return own

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` gave, strictly."""
        for place, member in enumerate(self.members):
            assert isinstance(member, Writable)
            prefix = f"members.{place}."
            member.take({name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)})
        self.scale.copy_(tensors["scale"])
        self.shift.copy_(tensors["shift"])


def join(model: Model, patches: Tensor) -> Ready:
    """The network of an ensemble; `patches` as in `prepare`.

    Raises:
        MitofmError: a member is no network, or members see their patches through different transforms.
    """
    members = model.members
    scale, shift = torch.tensor(model.scale), torch.tensor(model.shift)
    ready = [prepare(one, patches) for one in members]
    for one, other in zip(members[1:], ready[1:], strict=True):
        if differing := [key for key in _SHARED if other.facts[key] != ready[0].facts[key]]:
            raise MitofmError(
                f"{members[0].name} and {one.name} have another {differing[0]}: they are no network of one input. Export each, "
                "and average as metrics.json says"
            )
    facts: dict[str, Any] = {key: ready[0].facts[key] for key in _SHARED}
    facts |= {
        "threshold": model.facts["threshold"] | {"logit": read_logit(model.facts["threshold"])},
        "prior": model.facts["prior"],
        "network": {"members": [one.facts["network"] for one in ready], "calibrated": model.facts["calibrated"]},
        "licence": [one.facts["licence"] for one in ready],
        "made_from": {"cell": model.facts["cell"], "members": [one.name for one in members]},
    }
    wanted = torch.stack([one.wanted for one in ready], dim=1) @ scale + shift
    name = f"an ensemble of {len(members)} cells"
    if _share_trunk(members):
        merged = _merge_heads([one.network for one in ready], scale, shift)
        facts["network"] = describe(members[0], folded=True)["network"] | {"heads_averaged": len(members)}
        return Ready(name, merged, ready[0].empty, ready[0].images, wanted, True, facts)
    network, empty = (
        Joined(nets, scale.clone(), shift.clone()).eval()
        for nets in ([one.network for one in ready], [one.empty for one in ready])
    )
    return Ready(name, network, empty, ready[0].images, wanted, all(one.folded for one in ready), facts)


def _share_trunk(members: Sequence[Checkpoint]) -> bool:
    frozen = all(isinstance(one.adaptation, FrozenAdaptation) for one in members)
    return frozen and len({one.facts["backbone_fingerprint"] for one in members}) == 1


def _merge_heads(networks: Sequence[Writable], scale: Tensor, shift: Tensor) -> Network:
    """The first network with the mean of all heads."""
    heads: list[Any] = []
    for one in networks:
        assert isinstance(one, Network)
        heads.append(one.classifier.head)
    with torch.no_grad():
        weight = sum(factor * head.weight for factor, head in zip(scale, heads, strict=True))
        bias = sum(factor * head.bias for factor, head in zip(scale, heads, strict=True)) + shift
        heads[0].weight.copy_(weight)
        heads[0].bias.copy_(bias)
    first = networks[0]
    assert isinstance(first, Network)
    return first
