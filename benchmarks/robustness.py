"""How often do intervals of robustness indices hold the truth? `make bench-robustness`

Data sets of new slides are drawn: three scanners, slides of unequal size that differ in their share of positives and in four
features that say nothing. The truth is the mean over all of them. Beside the jackknife of the package, which leaves a slide out
on either side of each pair of neighbours, the bootstrap of slides that keeps every sample's neighbours and draws those that ask.
With `--drop` the same of the Average Performance Drop alone, whose 1,100 probes take seconds for each data set.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from mitofm.evaluation.neighbours import find_neighbours
from mitofm.evaluation.performance_drop import DROP, measure_drop
from mitofm.evaluation.robustness import INDEX, measure

SETTINGS = (
    {"slides": 20, "each": 30, "width": 16},
    {"slides": 40, "each": 15, "width": 16},
    {"slides": 80, "each": 10, "width": 64},
)
K, DRAWS = 11, 2000
ASKING = "robustness_index, asking side alone"


def draw(seed: int, slides: int, each: int, width: int) -> tuple[pd.DataFrame, np.ndarray]:
    """One data set."""
    rng = np.random.default_rng([seed, slides])
    slide = np.repeat(np.arange(slides), rng.poisson(each, slides) + 2)
    label = (rng.random(len(slide)) < rng.beta(2, 3, slides)[slide]).astype(int)
    features = rng.normal(size=(len(slide), width))
    features[:, 0] += 1.2 * label
    features[:, 1] += 0.8 * (slide % 3 - 1)
    features[:, 2:6] += 0.7 * rng.normal(size=(slides, 4))[slide]
    names = {"sample_id": np.arange(len(slide)).astype(str), "dataset": "drawn", "slide": slide.astype(str)}
    return pd.DataFrame({**names, "label": label, "scanner": (slide % 3).astype(str)}), features


def run(task: tuple[int, dict[str, int]]) -> dict[str, tuple[float, float, float]]:
    """By quantity its value and the ends of its interval."""
    seed, setting = task
    table, features = draw(seed, **setting)
    found = measure(table, features, "scanner", [K]).estimates
    known = {
        name: (one.value, one.low, one.high)
        for name, one in found.items()
        if one.value is not None and one.low is not None
    }
    slides, labels, levels = (pd.factorize(table[column])[0] for column in ("slide", "label", "scanner"))
    near = find_neighbours(features, slides, labels, levels, K, 1)[0].places
    equal, same = labels[near] == labels[:, None], levels[near] == levels[:, None]
    helping, misleading = (np.bincount(slides, kind.sum(axis=1)) for kind in (equal & ~same, ~equal & same))
    weights = np.random.default_rng(seed).multinomial(len(helping), np.full(len(helping), 1 / len(helping)), DRAWS)
    drawn = weights @ helping / (weights @ (helping + misleading))
    return known | {ASKING: (known[INDEX][0], *np.percentile(drawn, [2.5, 97.5]))}


def run_drop(task: tuple[int, dict[str, int]]) -> dict[str, tuple[float, float, float]]:
    """As `run`, of the Average Performance Drop; nothing if a data set has none."""
    seed, setting = task
    found = measure_drop(*draw(seed, **setting), "scanner")
    if found.value is None or found.low is None or found.high is None:
        return {}
    return {DROP: (found.value, found.low, found.high)}


def main() -> None:
    """Print a row for each setting and quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--drop", action="store_true")
    asked = parser.parse_args()
    print(f"{'slides':>6}  {'quantity':37}{'truth':>8}{'coverage':>10}{'width / 3.92 sd':>17}")
    for setting in SETTINGS:
        tasks = [(seed, setting) for seed in range(asked.repetitions)]
        with ProcessPoolExecutor(asked.jobs) as pool:
            measured = pool.map(run_drop if asked.drop else run, tasks, chunksize=1 + len(tasks) // (4 * asked.jobs))
            every = [one for one in measured if one]
        for name in every[0] if every else ():
            values = np.array([one[name] for one in every])
            truth = values[:, 0].mean()
            held = np.mean((values[:, 1] <= truth) & (truth <= values[:, 2]))
            width = np.mean(values[:, 2] - values[:, 1]) / (3.92 * values[:, 0].std())
            print(f"{setting['slides']:6}  {name:37}{truth:8.3f}{held:10.3f}{width:17.2f}")


if __name__ == "__main__":
    main()
