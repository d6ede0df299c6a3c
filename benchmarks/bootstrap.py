"""How much faster is the bootstrap of slides than writing every draw out? `make bench-statistics`

2,000 draws of the slides of three seeds. The simple loop puts the samples of the drawn slides together, draw by draw and
seed by seed, and asks for their AUROC by ranks. It is timed on some of the draws, in turns with the vectorised way,
which does all of them; both give the same numbers.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
import pandas as pd
from clocks import measure
from scipy.stats import rankdata

from mitofm.evaluation import bootstrap


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slides", type=int, default=71)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--written-out", type=int, default=100, help="draws that the simple loop does")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()

    rng = np.random.default_rng(0)
    names = [f"slide {place:03d}" for place in range(asked.slides)]
    slide, label = rng.choice(names, asked.samples), rng.integers(0, 2, asked.samples)
    seeds = [pd.DataFrame({"slide": slide, "label": label, "logit": label + rng.normal(0, 1, asked.samples)})
             for _ in range(asked.seeds)]  # fmt: skip
    weights = bootstrap.draw_slides(asked.slides, rng)
    some = weights[: asked.written_out].astype(int)
    fast, slow = bootstrap.auroc_of_draws(seeds, names, weights), written_out(seeds, names, some)
    np.testing.assert_allclose(fast[: len(some)], slow, rtol=1e-12)
    pairs = [
        (
            measure(lambda: bootstrap.auroc_of_draws(seeds, names, weights))[0] / len(weights),
            measure(lambda: written_out(seeds, names, some))[0] / len(some),
        )
        for _ in range(asked.repeats)
    ]
    print(f"{asked.slides} slides, {asked.samples} samples, {asked.seeds} seeds, one core")
    print(f"slide x slide matrix {statistics.median(pair[0] for pair in pairs) * 1e3:10.4f} ms per draw")
    print(f"written out          {statistics.median(pair[1] for pair in pairs) * 1e3:10.4f} ms per draw")
    print(f"ratio                {statistics.median(b / a for a, b in pairs):10.0f}, median of {asked.repeats} pairs")


def written_out(seeds: list[pd.DataFrame], names: list[str], weights: np.ndarray) -> np.ndarray:
    """AUROC of each draw, the mean over seeds: the samples of the drawn slides, as often as they were drawn."""
    parts = []
    for seed in seeds:
        labels, logits = seed["label"].to_numpy(), seed["logit"].to_numpy()
        samples = [np.flatnonzero(seed["slide"].to_numpy() == name) for name in names]
        parts.append((labels, logits, samples))
    found = []
    for draw in weights:
        each = []
        for labels, logits, samples in parts:
            taken = np.concatenate([samples[slide] for slide, times in enumerate(draw) for _ in range(times)])
            positive = labels[taken] == 1
            won = rankdata(logits[taken])[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
            each.append(won / (positive.sum() * (~positive).sum()))
        found.append(np.mean(each))
    return np.array(found)


if __name__ == "__main__":
    main()
