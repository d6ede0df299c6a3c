"""How much faster are all metrics without each slide than measuring the other slides anew? `make bench-statistics`

Both give the same numbers. They are timed in turns on one core.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
import pandas as pd
from clocks import measure

from mitofm.evaluation import metrics
from mitofm.evaluation.replicates import replicate


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slides", type=int, default=71)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()

    rng = np.random.default_rng(0)
    names = np.array([f"slide {place:03d}" for place in range(asked.slides)])
    slide, label = rng.choice(names, asked.samples), rng.integers(0, 2, asked.samples)
    logits = label + rng.normal(0, 1, asked.samples)
    predictions = pd.DataFrame({"sample_id": np.arange(asked.samples), "slide": slide, "label": label, "logit": logits})

    def anew() -> list[dict]:
        return [metrics.measure(label[slide != name], logits[slide != name], 0.0) for name in np.unique(slide)]

    fast, slow = replicate(predictions, 0.0), anew()
    for name in slow[0]:
        np.testing.assert_allclose(fast.of(name)[1:], [one[name] for one in slow], rtol=1e-9)
    pairs = [(measure(lambda: replicate(predictions, 0.0))[0], measure(anew)[0]) for _ in range(asked.repeats)]
    print(f"{asked.slides} slides, {asked.samples} samples, {len(slow[0])} metrics, one core")
    print(f"left out together {statistics.median(pair[0] for pair in pairs) * 1e3:8.1f} ms")
    print(f"measured anew     {statistics.median(pair[1] for pair in pairs) * 1e3:8.1f} ms")
    print(f"ratio             {statistics.median(b / a for a, b in pairs):8.1f}, median of {asked.repeats} pairs")


if __name__ == "__main__":
    main()
