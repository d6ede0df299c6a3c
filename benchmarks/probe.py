"""What do linear probes cost, and are they at their solution? `make bench-probe`

Probes of 4 fractions x 5 seeds of 20,552 samples with features 1,280 wide that are correlated and of unequal scale, as
embeddings are, at one C and along the whole path of C; then the coefficients of one beside scikit-learn's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import Labelled
from mitofm.adaptation.linear_probe import LinearProbe
from mitofm.commands.composing.compose import compose
from mitofm.ground.config import instantiate
from mitofm.runs.resolve import resolve

SAMPLES, WIDTH = 20_552, 1280
FRACTIONS, SEEDS = (0.001, 0.01, 0.1, 1.0), range(5)


def samples(n: int, width: int, seed: int) -> Labelled:
    """Features whose spectrum falls off like 1/k, and labels that they explain in part (AUROC of about 0.9)."""
    world, rng = np.random.default_rng(0), np.random.default_rng(seed)
    mix = world.normal(size=(width, width)) / np.sqrt(np.arange(1, width + 1))[:, None]
    signal = world.normal(size=width) / np.sqrt(width)
    latent = rng.normal(size=(n, width))
    labels = (2 * latent @ signal + rng.logistic(size=n) > 0).astype(int)
    features = latent.astype(np.float32) @ mix.astype(np.float32) + world.normal(size=width).astype(np.float32)
    return Labelled(features, labels, rng.integers(0, 300, n).astype(str))


def probe(*values: float) -> LinearProbe:
    """The shipped probe, with these values of C or its own."""
    typed = ["adaptation=linear_probe", *([f"adaptation.c={list(values)}"] if values else [])]
    return instantiate(resolve(compose("train", typed))["adaptation"])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--c", type=float, default=0.01)
    asked = parser.parse_args()
    everything, validation = samples(asked.samples, asked.width, 1), samples(4000, asked.width, 2)
    with threadpool_limits(1):
        for what, one in ((f"C = {asked.c:g}", probe(asked.c)), ("the path of C", probe())):
            spent, steps = 0.0, []
            for fraction in FRACTIONS:
                for seed in SEEDS:
                    order = np.random.default_rng(seed).permutation(asked.samples)
                    train = everything.select(np.sort(order[: round(fraction * asked.samples)]))
                    start = time.process_time()
                    head = one.fit(train, validation, balanced=True, seed=seed)
                    steps.append(time.process_time() - start)
                    assert head.notes["converged"]
            spent = sum(steps)
            per = ", ".join(f"{np.mean(steps[5 * i : 5 * i + 5]):.2f} s" for i in range(len(FRACTIONS)))
            print(f"{what:14} {spent:6.1f} CPU-s for {len(steps)} probes; each at {FRACTIONS}: {per}", flush=True)
        features = everything.embeddings[:].astype(np.float64)
        std = features.std(0)
        reference = LogisticRegression(
            C=asked.c, tol=1e-10, max_iter=1000, solver="newton-cholesky", class_weight="balanced"
        )
        start = time.process_time()
        reference.fit((features - features.mean(0)) / std, everything.labels)
        theirs = time.process_time() - start
    ours = probe(asked.c).fit(everything, None, balanced=True, seed=0)
    apart = np.abs(ours.weight * std - reference.coef_[0]).max()  # type: ignore[attr-defined]
    print(
        f"largest difference to scikit-learn's coefficients {apart:.1e} (its newton-cholesky took {theirs:.0f} CPU-s)"
    )


if __name__ == "__main__":
    main()
