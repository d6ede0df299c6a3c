"""What do intervals and verdicts promise, and what do they keep? `make coverage`

Test sets are drawn whose truth is known (`simulated.py`), and the package makes intervals and verdicts of them as it does
for a study. Counted is how often an interval holds the truth, how often a test tells equal methods apart, and how often
methods that differ by the margin are called equivalent. A share of so many repetitions has a simulation error of its own,
so a promise counts as broken only beyond a number of these.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from design import AXES, design
from laws import EXPONENT, simulate_law
from promises import DOUBT, FAR, FEW, LEAST_INTERVALS, PROMISES, Promise, find_far
from repetitions import WINNER, simulate, simulate_family
from simulated import METRICS

import mitofm.evaluation

QUANTITIES = {simulate: METRICS[0], simulate_family: WINNER, simulate_law: EXPONENT}
"""One quantity of each kind of task, by which its rows are known."""
SIMULATION = ("repetitions.py", "simulated.py", "left_out.py", "many_estimates.py", "laws.py")
SETTINGS_PER_FAMILY = 20
"""For so many settings there is one of a family of equal models, and one of a scaling law."""


def report(table: pd.DataFrame) -> None:
    """Print what was covered by quantity and slides, then every promise and the rows that break it."""
    known = table[table["intervals"] >= LEAST_INTERVALS]
    print(f"{len(table)} rows of setting and quantity, {len(known)} with at least {LEAST_INTERVALS} intervals\n")
    with pd.option_context("display.width", 200, "display.max_columns", None):
        _report_shares(known)
        for promise in PROMISES:
            _report_promise(table, promise)


def _report_shares(known: pd.DataFrame) -> None:
    """The mean over settings, and the extremes."""
    by = known.groupby(["quantity", "slides"])
    shares = ["given", "coverage", "level", "equivalent", "false_higher", "uncorrected"]
    means = by[shares].mean().join(by["coverage"].agg(least="min", most="max")).join(by["width"].median())
    print(means[["given", "coverage", "least", "most", "width", *shares[2:]]].round(3).to_string(na_rep="-"))


def _report_promise(table: pd.DataFrame, promise: Promise) -> None:
    """How many rows break it, and which beyond simulation error; apart for few slides and for many."""
    few = table["slides"] < FEW
    for slides, part in ((f"{FEW} slides and up", table[~few]), (f"under {FEW} slides", table[few])):
        excess = promise.measure_excess(part)
        if not excess.notna().any():
            continue
        counts = f"{(excess > 0).sum()} beyond it, {(excess > DOUBT).sum()} by more than {DOUBT} simulation errors"
        print(f"\n{promise.name}; {slides}: of {excess.notna().sum()} rows {counts}")
        broken = part[excess > DOUBT].assign(errors=excess[excess > DOUBT])
        if len(broken):
            columns = [*AXES, "quantity", "intervals", promise.share, "width", "errors"]
            print(broken.sort_values("errors", ascending=False)[columns].round(3).to_string(index=False))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole = np.prod([len(levels) for levels in AXES.values()])
    parser.add_argument("--settings", type=int, default=240, help=f"of the {whole} of the whole design")
    parser.add_argument("--repetitions", type=int, default=2000, help="of each setting")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--slides-at-most", type=int, default=max(AXES["slides"]), help="larger test sets cost more")
    parser.add_argument("--seed", type=int, default=0, help="of the design and of all draws")
    parser.add_argument(
        "--out",
        type=Path,
        help="a CSV file that grows with every setting, and is gone on with; else the table is printed",
    )
    parser.add_argument("--quick", action="store_true", help="a minute; fails if a promise is broken by far")
    asked = parser.parse_args()
    if asked.quick:
        asked.settings, asked.repetitions, asked.slides_at_most = 12, 150, 150
    return asked


def main() -> None:
    """Simulate and print what was kept and what was not."""
    asked = parse()
    axes = AXES | {"slides": tuple(slides for slides in AXES["slides"] if slides <= asked.slides_at_most)}
    of_families = axes | {"seeds": (max(AXES["seeds"]),)}
    families = design(max(1, asked.settings // SETTINGS_PER_FAMILY), of_families, asked.seed)
    settings = design(asked.settings, axes, asked.seed)
    tasks = [partial(simulate, one, asked.repetitions, asked.seed) for one in settings]
    tasks += [partial(simulate_family, one, asked.repetitions, asked.seed) for one in families]
    learnable = of_families | {"auroc": AXES["auroc"][1:]}  # of an AUROC near 0.5 nothing is learned
    laws = design(max(1, asked.settings // SETTINGS_PER_FAMILY), learnable, asked.seed)
    tasks += [partial(simulate_law, one, asked.repetitions, asked.seed) for one in laws]
    tasks.sort(key=lambda task: task.args[0].slides)  # half of the time goes to those of 500 slides
    rows, code = read(asked.out, asked.repetitions), name_code()
    known = {(row["quantity"], *(row[axis] for axis in AXES)) for row in rows}
    tasks = [task for task in tasks if (QUANTITIES[task.func], *asdict(task.args[0]).values()) not in known]
    for measured in compute(tasks, asked.jobs):
        done = [row | {"code": code} for row in measured]
        if asked.out:
            pd.DataFrame(done).to_csv(asked.out, mode="a" if rows else "w", header=not rows, index=False)
        rows += done
    table = pd.DataFrame(rows).sort_values([*AXES, "quantity"], ignore_index=True)
    if not asked.out:
        print(table.round(4).to_string(index=False, na_rep="-"))
    print(f"computed by the code {', '.join(sorted(table['code'].unique()))}")
    report(table)
    far = find_far(table)
    if asked.quick and far:
        sys.exit(f"coverage: broken by more than {FAR} simulation errors: {'; '.join(far)}")


def name_code() -> str:
    """A short fingerprint of the code of the intervals and of the simulation: a table that grows for days names all of its own."""
    here = Path(__file__).parent
    intervals = sorted(Path(mitofm.evaluation.__path__[0]).glob("*.py"))
    sources = [path.read_bytes() for path in [*intervals, *(here / name for name in SIMULATION)]]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:10]


def read(path: Path | None, repetitions: int) -> list[dict]:
    """The rows that an earlier call has written; those of other numbers of repetitions end the program."""
    if path is None or not path.exists():
        return []
    table = pd.read_csv(path)
    if table["repetitions"].max() != repetitions:
        sys.exit(f"coverage: {path} has other numbers of repetitions than {repetitions}: name another file")
    return table.to_dict("records")


def compute(tasks: list[partial], jobs: int) -> Iterator[list[dict]]:
    """The rows of each task, in their order."""
    if jobs == 1:
        yield from (task() for task in tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in [pool.submit(task) for task in tasks]:
            yield future.result()


if __name__ == "__main__":
    main()
