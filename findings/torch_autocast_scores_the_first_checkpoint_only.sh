#!/usr/bin/env bash
# autocast keeps the casts of weights until its block ends, and does not look whether they have changed. Checkpoints that are loaded into
# one network within one block (folds, seeds, an average of weights) all score as the first, except for layers that stay in fp32.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 torch==2.13.0
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import contextlib
import copy
import sys

import torch
from torch import nn

torch.manual_seed(0)
patches = torch.randn(400, 64)
labels = patches @ torch.randn(64) > 0


def train(seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(30 * seed):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(patches)[:, 0], labels.float()).backward()
        optimizer.step()
    return network


networks = [train(seed) for seed in range(3)]
checkpoints = [copy.deepcopy(network.state_dict()) for network in networks]


def evaluate(without_gradients, block):
    """The accuracies of the checkpoints in one network; `block`: one autocast around all, or one for each."""
    network = copy.deepcopy(networks[0])
    around, each = (contextlib.nullcontext, lambda: torch.autocast("cpu", torch.bfloat16))[:: 1 if block == "each" else -1]
    found = []
    with without_gradients(), around():
        for checkpoint in checkpoints:
            network.load_state_dict(checkpoint)
            with each():
                found.append(round(((network(patches)[:, 0] > 0) == labels).float().mean().item(), 3))
    return found


right = evaluate(torch.no_grad, "each")
print(f"torch {torch.__version__}, bf16; accuracy of three checkpoints, after 0, 30 and 60 steps")
print(f"expected: {right}, by a block of autocast for each")
seen = {name: evaluate(getattr(torch, name), "all") for name in ("no_grad", "inference_mode")}
for name, found in seen.items():
    print(f"seen:     {found}, by one block around all three, in {name}")
stated = right[0] + 0.2 < right[2] and seen["no_grad"] == right[:1] * 3 and seen["inference_mode"] == right
sys.exit(None if stated else "no longer as stated")
PYTHON
