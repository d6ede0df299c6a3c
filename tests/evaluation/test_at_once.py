"""All metrics estimated at once beside each by itself (`limits.estimate`), which is the older and simpler way."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import limits
from mitofm.evaluation.at_once import estimate_all
from mitofm.evaluation.replicates import Replicates, replicate, replicate_sets


def require_equal(seeds: list[Replicates]) -> None:
    names = list(seeds[0].values)
    found = estimate_all(seeds, {name: place for place, name in enumerate(names)})
    assert list(found) == names
    for name in names:
        assert asdict(found[name]) == pytest.approx(asdict(limits.estimate(seeds, name)), abs=1e-12, nan_ok=False), name


@pytest.mark.parametrize(("seeds", "slides"), [(1, 9), (5, 9), (3, 7), (2, 4)])
def test_estimates_are_those_of_each_metric_by_itself(simulation, seeds: int, slides: int) -> None:
    tables = simulation.seeds(np.random.default_rng(slides), slides, seeds)
    require_equal([replicate(table, 0.5) for table in tables])


def test_special_cases_too() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"sample_id": np.arange(80), "slide": np.repeat(list("abcdefgh"), 10), "label": [0, 1] * 40})
    perfect = replicate(table.assign(logit=2.0 * table["label"] - 1 + rng.normal(0, 0.01, 80)), 0.0)
    require_equal([perfect])  # at exactly 1 one end alone is uncertain
    require_equal([perfect, perfect])  # nothing differs between seeds
    require_equal([replicate(table.assign(logit=-1.0 * table["label"]), 0.0)])  # and at 0
    noise = table.assign(logit=rng.normal(size=80))
    lonely = noise.assign(label=(noise["slide"] == "a").astype(int))
    require_equal([replicate(noise, 0.0), replicate(lonely, 0.0)])  # one slide holds a whole class
    require_equal([replicate(noise, 0.0), replicate(noise.assign(label=0), 0.0)])  # a seed in which little is defined
    require_equal([replicate(noise, 0.0), replicate(noise[noise["slide"] > "b"], 0.0)])  # other slides in each seed


def test_sets_are_measured_as_each_by_itself() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "sample_id": rng.permutation(120).astype(str),
            "slide": np.repeat([f"s{number}" for number in range(12)], 10),
            "domain": np.repeat(["lung", "breast", "skin"], 40),
            "evaluation_set": np.repeat(["in_domain", "", "out_of_domain"], 40),
            "label": rng.integers(0, 2, 120),
            "logit": rng.integers(-8, 8, 120) / 4,
            "test_chance": np.repeat([0.2, 0.3, 0.5], 40),
        }
    )
    sets = {"all": table, "in_domain": table[:40], "out_of_domain": table[80:]}
    sets |= {f"domain:{name}": table[table["domain"] == name] for name in ("breast", "lung", "skin")}
    assert replicate_sets(table, 0.4, -0.3) == {name: replicate(part, 0.4, -0.3) for name, part in sets.items()}
