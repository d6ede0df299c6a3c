#!/usr/bin/env bash
# A MetricCollection computes what its metrics share once. Which of them share is settled by the numbers after the first batch: the same
# recall at four thresholds becomes one metric, for good, if the first batch has no score between them. Scores of an untrained network
# lie close together, and Lightning's sanity check shows that network first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 torch==2.13.0 torchmetrics==1.9.0
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import sys

import torch
import torchmetrics
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryRecall

THRESHOLDS = (0.3, 0.4, 0.6, 0.9)
torch.manual_seed(0)
labels = (torch.rand(4096) < 0.4).int()
untrained = torch.sigmoid(torch.randn(4096) * 0.05)
trained = torch.sigmoid(torch.randn(4096) * 1.5 + labels * 3 - 1.5)


def measure(seen_before, **settings):
    """The recalls of the trained network, in batches of 64."""
    metrics = MetricCollection({f"at {int(100 * t)} %": BinaryRecall(threshold=t) for t in THRESHOLDS}, **settings)
    for scores in (*seen_before, trained):
        metrics.reset()
        for batch, truth in zip(scores.split(64), labels.split(64)):
            metrics.update(batch, truth)
        found = metrics.compute()
    return {name: round(value.item(), 3) for name, value in found.items()}


right = measure([untrained], compute_groups=False)
merged = measure([untrained])
alone = measure([])
print(f"torchmetrics {torchmetrics.__version__}, torch {torch.__version__}; recall of a trained network at four thresholds")
print(f"expected: {right}, as by compute_groups=False; so it is if that network is the first: {alone}")
print(f"seen:     {merged}, if an untrained one was measured before, and reset")
two = [merged[name] for name in merged]
stated = alone == right and two[0] == two[1] != list(right.values())[1] and two[2] == two[3] != list(right.values())[3]
sys.exit(None if stated else "no longer as stated")
PYTHON
