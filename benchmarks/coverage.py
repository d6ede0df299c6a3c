"""What do intervals and verdicts promise, and what do they keep? `make coverage`

Test sets are drawn whose truth is known. The samples of a slide share an offset, slides differ in size and in how far apart
they have the classes, and each training moves all scores of a method. The package measures every draw as it does a study;
what is counted is how often its intervals hold the truth and how often it is wrong of two equal methods.

The truth is the mean over endless slides and endless trainings; with one seed, that of the trained models drawn.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate

OFFSET, SHARED, OWN = (
    0.6,
    0.8,
    0.6,
)  # sd of a slide's offset, and of a sample's noise that methods share and do not share
AXES = {
    "slides": (6, 8, 12, 20, 43, 71, 150, 500),
    "sizes": ("mild", "heavy"),
    "auroc": (0.55, 0.85, 0.97, 0.995),
    "prevalence": (0.1, 0.3, 0.5),
    "varying": (0.0, 0.4),
    "training_sd": (0.0, 0.02, 0.04),
    "seeds": (1, 5),
}
MODELS = 12
MARGIN = 0.02
FEW = 12  # slides: under it the promise is weaker
COVERS, COVERS_AT_MOST, COVERS_IF_FEW, LEVEL, WRONG = 0.92, 0.985, 0.90, 0.065, 0.05


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    `training_sd` is the sd over trainings of an AUROC of 0.85, `varying` that of the separation over slides, as its share.
    """

    slides: int
    sizes: str
    auroc: float
    prevalence: float
    varying: float
    training_sd: float
    seeds: int

    def separate(self, auroc: float) -> float:
        """The mean distance of the classes, in units of a sample's noise."""
        z = norm.ppf(auroc)
        return float(np.sign(z) * np.sqrt(2 * z**2 * (1 + OFFSET**2) / (1 - z**2 * self.varying**2 / 2)))

    def spread(self, distance: float) -> float:
        """The sd of one sample's score of either class over slides and samples."""
        return float(np.sqrt(1 + OFFSET**2 + (self.varying * distance) ** 2 / 4))

    @cached_property
    def moves(self) -> float:
        """The sd by which trainings move the distance."""
        distance = self.separate(0.85)
        return float(self.training_sd * np.sqrt(2) * self.spread(distance) / norm.pdf(norm.ppf(0.85)))

    def tell(self, auroc: float, trainings: np.ndarray) -> tuple[float, float]:
        """The true AUROC and balanced accuracy at 0: of these trainings if there is one, else of endless ones."""
        distance = self.separate(auroc)
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        moved = distance + (trainings if self.seeds == 1 else self.moves * nodes)
        weights = np.ones(1) if self.seeds == 1 else weights / weights.sum()
        spread = self.spread(distance)
        return float(weights @ norm.cdf(moved / spread / np.sqrt(2))), float(weights @ norm.cdf(moved / 2 / spread))


class TestSet:
    """Slides, samples and labels, and what all methods share of their scores."""

    def __init__(self, setting: Setting, rng: np.random.Generator, name: str) -> None:
        self.setting, self.rng = setting, rng
        sigma = 0.5 if setting.sizes == "mild" else 1.2
        sizes = np.maximum(2, rng.lognormal(np.log(20) - sigma**2 / 2, sigma, setting.slides).astype(int))
        self.slide = np.repeat(np.arange(setting.slides), sizes)
        share = rng.beta(8 * setting.prevalence, 8 * (1 - setting.prevalence), setting.slides)
        self.positive = rng.random(self.slide.size) < share[self.slide]
        self.names = [f"{name}{place:03d}" for place in range(setting.slides)]
        self.vary = setting.varying * rng.standard_normal(setting.slides)[self.slide]
        self.base = OFFSET * rng.standard_normal(setting.slides)[self.slide]
        self.base += SHARED * rng.standard_normal(self.slide.size)

    def measure(self, auroc: float, trainings: np.ndarray) -> dict[int, Replicates]:
        """A method of this AUROC, once for each of its trainings."""
        distance = self.setting.separate(auroc)
        own = [self.base + OWN * self.rng.standard_normal(self.slide.size) for _ in trainings]
        side = np.where(self.positive, 0.5, -0.5)
        scores = [
            noise + side * (distance * (1 + self.vary) + move) for noise, move in zip(own, trainings, strict=True)
        ]
        return {seed: self.replicate(score) for seed, score in enumerate(scores)}

    def replicate(self, scores: np.ndarray) -> Replicates:
        """AUROC and balanced accuracy at 0, of all slides and without each."""
        count = self.setting.slides
        positives, negatives = (
            np.bincount(self.slide[side], minlength=count) for side in (self.positive, ~self.positive)
        )
        won = count_wins(scores, self.positive, self.slide, count)
        kept = won.sum() - won.sum(axis=0) - won.sum(axis=1) + np.diag(won)
        right = [
            np.bincount(self.slide[side], weights=called[side], minlength=count)
            for side, called in ((self.positive, scores >= 0), (~self.positive, scores < 0))
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            auroc = append(
                won.sum() / positives.sum() / negatives.sum(), kept / without(positives) / without(negatives)
            )
            recalls = [
                append(hit.sum() / of.sum(), without(hit) / without(of))
                for hit, of in zip(right, (positives, negatives), strict=True)
            ]
        values = {"auroc": auroc, "balanced_accuracy": (recalls[0] + recalls[1]) / 2}
        plain = {name: [None if np.isnan(one) else float(one) for one in found] for name, found in values.items()}
        return Replicates(self.names, "the same samples", negatives.tolist(), positives.tolist(), plain)


def append(value: float, rest: np.ndarray) -> np.ndarray:
    """A value and those without each slide."""
    return np.concatenate([[value], rest])


def without(counts: np.ndarray) -> np.ndarray:
    """What all slides but one have, for each."""
    return counts.sum() - counts


def count_wins(scores: np.ndarray, positive: np.ndarray, slide: np.ndarray, count: int) -> np.ndarray:
    """(count, count) how often positives of one slide score above negatives of another; scores have no ties."""
    order = np.argsort(scores)
    positive, slide = positive[order], slide[order]
    won = np.zeros((count, count))
    of_positives, below = slide[positive], np.flatnonzero(~positive)
    places = np.flatnonzero(positive)
    for other in np.unique(slide[~positive]):
        ranks = np.searchsorted(below[slide[below] == other], places)
        won[:, other] = np.bincount(of_positives, weights=ranks, minlength=count)
    return won


def repeat(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Estimate, float]]:
    """Quantities of one draw: name, estimate, truth. The last is of two methods that differ by the margin."""
    sets = [TestSet(setting, rng, name) for name in "ab"]
    trained = [setting.moves * rng.standard_normal(setting.seeds) for _ in range(3)]
    first, second = sets[0].measure(setting.auroc, trained[0]), sets[0].measure(setting.auroc, trained[1])
    auroc, accuracy = setting.tell(setting.auroc, trained[0])
    other = setting.tell(setting.auroc, trained[1])[0]
    yield "auroc", statistics.estimate(list(first.values())), auroc
    yield "balanced_accuracy", statistics.estimate(list(first.values()), "balanced_accuracy"), accuracy
    yield "paired", statistics.subtract_paired(first, second), auroc - other
    elsewhere = sets[1].measure(setting.auroc, trained[1]), sets[1].measure(setting.auroc, trained[0])
    yield "unpaired", statistics.subtract_by_slide(first, elsewhere[0]), auroc - other
    yield "gap", statistics.subtract_by_slide(first, elsewhere[1]), 0.0
    worse = setting.auroc - MARGIN
    third = sets[0].measure(worse, trained[2])
    apart = statistics.subtract_paired(first, third)
    yield "margin", apart, auroc - setting.tell(worse, trained[2])[0]


def simulate(setting: Setting, repetitions: int, seed: int) -> list[dict]:
    """A row for each quantity of a setting."""
    rng = np.random.default_rng(
        [seed, *(int(1000 * one) if not isinstance(one, str) else len(one) for one in asdict(setting).values())]
    )
    found: dict[str, list[tuple[bool, bool, float, bool, bool]]] = {}
    for _ in range(repetitions):
        for name, one, truth in repeat(setting, rng):
            if one.low is None or one.high is None:
                found.setdefault(name, []).append((False, False, np.nan, False, False))
                continue
            p = verdicts.difference_p(one)
            different = p is not None and p < 0.05 and one.seeds > 1
            equivalent = verdicts.judge(one, MARGIN) == verdicts.EQUIVALENT
            held = one.low <= truth <= one.high
            found.setdefault(name, []).append((True, held, one.high - one.low, different, equivalent))
    return [
        asdict(setting) | {"quantity": name} | summarise(np.array(rows, dtype=float)) for name, rows in found.items()
    ]


def summarise(rows: np.ndarray) -> dict[str, float]:
    """Shares of repetitions with an interval: those that hold the truth, that are called different, equivalent."""
    given = rows[rows[:, 0] == 1]
    if not len(given):
        return {"given": 0.0, "intervals": 0}
    return {
        "given": len(given) / len(rows),
        "intervals": len(given),
        "coverage": given[:, 1].mean(),
        "width": float(np.median(given[:, 2])),
        "different": given[:, 3].mean(),
        "equivalent": given[:, 4].mean(),
    }


def simulate_models(setting: Setting, repetitions: int, seed: int) -> dict:
    """Twelve equal models: how often a report calls one higher than another, and whether the highest one's interval holds."""
    rng = np.random.default_rng([seed, setting.slides, 12])
    wrong, held, naive = [], [], []
    for _ in range(repetitions):
        tested = TestSet(setting, rng, "a")
        trained = [setting.moves * rng.standard_normal(setting.seeds) for _ in range(MODELS)]
        models = [tested.measure(setting.auroc, moves) for moves in trained]
        estimates = [statistics.estimate(list(model.values())) for model in models]
        best = max(range(MODELS), key=lambda one: estimates[one].value or 0.0)
        pairs = [statistics.subtract_paired(models[best], model) for one, model in enumerate(models) if one != best]
        wrong.append(any(pair.verdict == statistics.HIGHER for pair in verdicts.compare_all(pairs, MODELS)))
        naive.append(any(pair.verdict == statistics.HIGHER for pair in pairs))
        truth, of = setting.tell(setting.auroc, trained[best])[0], estimates[best].among(MODELS)
        if of.low is not None and of.high is not None:
            held.append(of.low <= truth <= of.high)
    return asdict(setting) | {
        "false_higher": float(np.mean(wrong)),
        "false_higher_uncorrected": float(np.mean(naive)),
        "winner_coverage": float(np.mean(held)) if held else np.nan,
        "repetitions": repetitions,
    }


def check(table: pd.DataFrame, errors: float) -> pd.DataFrame:
    """The rows that break a promise by more than so many simulation errors, each with what it breaks."""
    shown = table[table["intervals"] >= 20].copy()
    few = shown["slides"] < FEW

    def error(share: float) -> pd.Series:
        return errors * np.sqrt(share * (1 - share) / shown["intervals"])

    least = np.where(few, COVERS_IF_FEW, COVERS)
    equal = shown["quantity"].isin(["paired", "unpaired", "gap"]) & (shown["seeds"] > 1)
    broken = {
        "covers too little": shown["coverage"] < least - error(0.08),
        "covers too much": ~few & (shown["coverage"] > COVERS_AT_MOST + error(0.015)),
        "false difference": equal & (shown["different"] > LEVEL + error(LEVEL)),
        "false equivalence": (shown["quantity"] == "margin") & (shown["equivalent"] > WRONG + error(WRONG)),
    }
    shown["breaks"] = ["; ".join(name for name, at in broken.items() if at[row]) for row in shown.index]
    return shown[shown["breaks"] != ""]


def main() -> None:
    """Print what was kept and what was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--settings",
        type=int,
        default=240,
        help=f"of the {np.prod([len(one) for one in AXES.values()])} of the whole design",
    )
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--slides-at-most", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a CSV file for all rows")
    parser.add_argument("--quick", action="store_true", help="a minute: fails only if promises are broken by far")
    asked = parser.parse_args()
    if asked.quick:
        asked.settings, asked.repetitions, asked.slides_at_most = 16, 150, 71
    design = [Setting(*values) for values in itertools.product(*AXES.values())]
    design = [one for one in design if one.slides <= asked.slides_at_most]
    order = np.random.default_rng(asked.seed).permutation(len(design))[: asked.settings]
    chosen = [design[place] for place in order]
    several = [
        Setting(slides, "heavy", 0.85, 0.3, 0.4, 0.02, 5) for slides in (8, 20, 71) if slides <= asked.slides_at_most
    ]
    with ProcessPoolExecutor(asked.jobs) as pool:
        run = partial(simulate, repetitions=asked.repetitions, seed=asked.seed)
        table = pd.DataFrame([row for rows in pool.map(run, chosen) for row in rows])
        of_models = partial(simulate_models, repetitions=max(asked.repetitions // 4, 25), seed=asked.seed)
        models = pd.DataFrame(list(pool.map(of_models, several)))
    if asked.out:
        table.to_csv(asked.out, index=False)
    report(table, models, asked.repetitions)
    broken = check(table, 4)
    if asked.quick and len(broken):
        sys.exit("coverage: promises are broken by more than four simulation errors")


def report(table: pd.DataFrame, models: pd.DataFrame, repetitions: int) -> None:
    """Print a summary by quantity, and each row that breaks a promise."""
    several = table["quantity"].map(lambda name: name in ("paired", "unpaired", "gap")) & (table["seeds"] > 1)
    print(f"{table.drop_duplicates(list(AXES)).shape[0]} settings, {repetitions} repetitions each")
    print(
        f"{'quantity':18s} {'slides':>9s} {'given':>6s} {'coverage: least, mean, most':>28s} {'false different':>15s} {'equivalent':>10s}"
    )
    for (name, few), rows in table[table["intervals"] >= 20].groupby(["quantity", table["slides"] < FEW]):
        level = rows.loc[several[rows.index], "different"].max() if several[rows.index].any() else np.nan
        wrong = rows["equivalent"].max() if name == "margin" else np.nan
        low, mean, high = rows["coverage"].min(), rows["coverage"].mean(), rows["coverage"].max()
        slides = f"under {FEW}" if few else f"{FEW} and up"
        print(
            f"{name:18s} {slides:>9s} {rows['given'].mean():6.2f} {low:12.3f} {mean:7.3f} {high:7.3f} {level:15.3f} {wrong:10.3f}"
        )
    broken = check(table, 2)
    print(f"\n{len(broken)} of {len(table)} rows break a promise by more than two simulation errors:")
    if len(broken):
        columns = [*AXES, "quantity", "given", "coverage", "different", "equivalent", "breaks"]
        print(broken[columns].round(3).to_string(index=False))
    print(f"\n{MODELS} equal models, five seeds:")
    print(models.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
