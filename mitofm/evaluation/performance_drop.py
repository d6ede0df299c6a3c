"""What a probe loses if the scanner goes with the labels that it is trained on: the Average Performance Drop (APD).

After PathoROB (Kömen et al. 2025, arXiv 2507.17845), whose reduction it is: probes are trained on samples of two scanners and two
classes, from balanced to each class from a scanner of its own, and tested on balanced samples of other slides; APD is
the mean over the unbalanced ones of accuracy / balanced accuracy, minus 1. Their schedule is written for three data sets of
slides of one class each; here slides hold both, so they are halved at random and samples are taken from each half.

Intervals are over new slides and other halvings, by a jackknife that leaves out a tenth of the slides at a time: each takes all
probes anew. What halvings alone do to its replicates, seen between them, is taken off its variance, and what they do to the
value is added, as for the infinitesimal jackknife of random forests (Wager et al. 2014, JMLR 15:1625).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.seeds import stream

DROP = "performance_drop"
BIASES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""At b a class has (1 + b) / 2 of its training samples from one scanner: first the balanced probe."""
REPETITIONS, GROUPS, LEAST = 20, 10, 10
"""Halvings of the slides; tenths that are left out; training samples of each class and scanner, balanced."""
C = 0.01
"""Of the logistic regression on standardised features: one for all, so that nothing is chosen on biased samples."""


def measure_drop(table: pd.DataFrame, features: np.ndarray, by: str) -> Estimate:
    """APD between the two values of the column `by` with most samples of their rarer class; arguments as `robustness.measure`."""
    counts = table.groupby([by, "label"], observed=True).size().unstack(fill_value=0)
    levels = counts.min(axis=1).nlargest(2).index
    kept = table[by].isin(levels).to_numpy()
    table, features = table[kept].reset_index(drop=True), np.asarray(features, dtype=float)[kept]
    cells = 2 * (table[by] == levels[-1]).to_numpy(dtype=int) + table["label"].to_numpy()
    slides, names = pd.factorize(table["slide"].astype(str), sort=True)
    groups = _deal(slides, cells // 2, len(names), GROUPS, -1)[slides]
    drops = []
    for group in range(-1, GROUPS):
        accuracies = measure_accuracies(features, cells, slides, groups != group)
        if accuracies is None:
            return Estimate(
                None, slides=len(names), why="too few slides or samples of each class for a performance drop"
            )
        drops.append(reduce(accuracies))
    negatives, positives = (
        np.bincount(groups[cells % 2 == label], minlength=GROUPS).astype(float).tolist() for label in (0, 1)
    )
    values = scale_replicates(np.array(drops)).tolist()
    tenths = Replicates([str(group) for group in range(GROUPS)], "", negatives, positives, {DROP: values})
    return replace(statistics.estimate([tenths], DROP), slides=len(names))


def reduce(accuracies: np.ndarray) -> np.ndarray:
    """APD of each repetition, whose mean is the APD, of (biases, repetitions), the balanced probes first."""
    drops: np.ndarray = (accuracies[1:] / accuracies[0]).mean(axis=0) - 1
    return drops


def scale_replicates(drops: np.ndarray) -> np.ndarray:
    """The APD of all slides and of each jackknife sample, (1 + groups,), spread as is right: mean drops are spread too much.

    Args:
        drops: (1 + groups, repetitions), the same halvings in a column.
    """
    groups, repetitions = len(drops) - 1, drops.shape[1]
    whole, *others = drops.mean(axis=1)
    centre = np.mean(others)
    share = (groups - 1) / groups
    seen = share * np.sum((others - centre) ** 2)
    apart = drops[1:] - drops[1:].mean(axis=0)
    of_halving = share * np.sum(np.var(apart, axis=1, ddof=1)) / repetitions
    right = max(seen - of_halving, 0.0) + np.var(drops[0], ddof=1) / repetitions
    return np.array([whole, *(centre + (others - centre) * np.sqrt(right / seen if seen else 1.0))])


def measure_accuracies(
    features: np.ndarray, cells: np.ndarray, slides: np.ndarray, kept: np.ndarray
) -> np.ndarray | None:
    """(biases, repetitions) balanced accuracies; None if a half has too few samples of a class and scanner.

    Args:
        features: (n, d).
        cells: (n,) of a sample twice the number of its scanner, plus its class.
        slides: (n,) numbers.
        kept: (n,) the samples that are used. Those that are not change nothing else that is random.
    """
    found = np.empty((len(BIASES), REPETITIONS))
    for repetition in range(REPETITIONS):
        half = _deal(slides, cells // 2, int(slides.max()) + 1, 2, repetition)[slides]
        order = np.argsort(stream(0, "drop", repetition).random(len(cells)))
        order = order[kept[order]]
        train = [order[(half[order] == 0) & (cells[order] == cell)] for cell in range(4)]
        test = order[half[order] == 1]
        few = min(map(len, train)) // 2
        if few < LEAST // 2 or len(np.unique(cells[test])) < 4:
            return None
        aligned = (0, 3) if repetition % 2 else (1, 2)
        for place, bias in enumerate(BIASES):
            rows = np.concatenate(
                [one[: round(few * (1 + bias if cell in aligned else 1 - bias))] for cell, one in enumerate(train)]
            )
            found[place, repetition] = _test(features, cells, rows, test)
    return found


def _test(features: np.ndarray, cells: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """The accuracy of a probe, each class and scanner counting alike."""
    mean, spread = features[train].mean(axis=0), features[train].std(axis=0)
    probe = LogisticRegression(C=C, max_iter=500)
    probe.fit((features[train] - mean) / np.where(spread > 0, spread, 1), cells[train] % 2)
    right = probe.predict((features[test] - mean) / np.where(spread > 0, spread, 1)) == cells[test] % 2
    return float(np.mean([right[cells[test] == cell].mean() for cell in range(4)]))


def _deal(slides: np.ndarray, levels: np.ndarray, count: int, parts: int, repetition: int) -> np.ndarray:
    """(count,) of each slide a part, as many slides of each scanner in all parts as can be."""
    order = stream(0, "slides", repetition).permutation(count)
    found, dealt = np.zeros(count, dtype=int), [0, 0]
    level_of = dict(zip(slides.tolist(), levels.tolist(), strict=True))
    for slide in order.tolist():
        level = level_of[slide]
        found[slide] = dealt[level] % parts
        dealt[level] += 1
    return found
