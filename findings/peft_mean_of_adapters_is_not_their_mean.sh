#!/usr/bin/env bash
# peft mixes LoRA adapters by weights (seeds into one, a "soup"). "linear" adds up A and B each by themselves, so that B A also holds the
# products of the one's B with the other's A: the mean of an adapter with itself is twice the adapter. "svd", called precise in the
# docstring, keeps the rank of one adapter. A name that is taken is left as it is: a search over weights sees the first of them only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 peft==0.21.2 torch==2.13.0
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python -W ignore - <<'PYTHON'
import sys

import peft
import torch

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(64, 64))
config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["0"], init_lora_weights=False)
model = peft.get_peft_model(network, config, "one")
layer = model.base_model.model[0]
for name in ("two", "same"):
    model.add_adapter(name, config)
for part in (layer.lora_A, layer.lora_B):
    part["same"].weight.data.copy_(part["one"].weight.data)


def mix(adapters, weights, kind, name=None):
    """What is added to the weight of the layer by the mixture."""
    name = name or f"{'-'.join(adapters)}-{kind}"
    model.add_weighted_adapter(adapters, weights, name, combination_type=kind)
    return layer.get_delta_weight(name).detach()


one, two = (layer.get_delta_weight(name).detach() for name in ("one", "two"))
mean = (one + two) / 2
itself = {kind: float(mix(["one", "same"], [0.5, 0.5], kind).norm() / one.norm()) for kind in ("cat", "svd", "linear")}
off = {
    kind: float((mix(["one", "two"], [0.5, 0.5], kind) - mean).norm() / mean.norm()) for kind in ("cat", "svd", "linear")
}
first = mix(["one", "two"], [0.9, 0.1], "cat", "mixture")
second = mix(["one", "two"], [0.1, 0.9], "cat", "mixture")

print(f"peft {peft.__version__}, LoRA of rank 8, weights 0.5 and 0.5")
print("expected: an adapter and its copy give the adapter, size 1; two adapters give their mean, distance 0")
print(f"seen:     size of the mean of an adapter and its copy: {({k: round(v, 3) for k, v in itself.items()})}")
print(f"          distance from the mean of two, in sizes of it: {({k: round(v, 3) for k, v in off.items()})}")
print(f"          weights 0.9, 0.1 and then 0.1, 0.9 by the same name give the same adapter: {torch.equal(first, second)}")
stated = (
    abs(itself["cat"] - 1) < 1e-3 and abs(itself["svd"] - 1) < 1e-3 and abs(itself["linear"] - 2) < 1e-3
    and off["cat"] < 1e-3 and off["svd"] > 0.2 and off["linear"] > 0.8 and torch.equal(first, second)
)  # fmt: skip
sys.exit(None if stated else "no longer as stated")
PYTHON
