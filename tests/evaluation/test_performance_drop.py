from __future__ import annotations

import numpy as np
import pytest

from mitofm.evaluation import performance_drop
from mitofm.evaluation.performance_drop import BIASES, measure_accuracies, measure_drop, reduce, scale_replicates

from .test_robustness import make


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance_drop, "REPETITIONS", 4)


def test_the_reduction_is_that_of_the_package_croma() -> None:
    croma = pytest.importorskip("croma")
    accuracies = np.random.default_rng(0).uniform(0.5, 1, size=(len(BIASES), 7))
    assert reduce(accuracies).mean() == pytest.approx(croma.apd(accuracies), abs=1e-9)


# What is taken off is estimated, and no variance falls below that of halvings: the more these spread, the higher it is on average.
@pytest.mark.parametrize(("of_slides", "of_halvings", "most"), [(0.02, 0.0, 1.1), (0.02, 0.02, 1.1), (0.02, 0.1, 2.0)])
def test_replicates_spread_as_new_slides_and_other_halvings_spread_the_value(
    of_slides: float, of_halvings: float, most: float
) -> None:
    draw = np.random.default_rng(3)
    groups, repetitions, found = 10, 20, []
    for _ in range(2000):
        tenths = draw.normal(0, of_slides * groups**0.5, groups)  # the value is their mean, so its sd is of_slides
        means = np.array([tenths.mean(), *((tenths.sum() - tenths) / (groups - 1))])
        drops = means[:, None] + draw.normal(0, of_halvings, (groups + 1, repetitions))
        scaled = scale_replicates(drops)
        assert scaled[0] == drops[0].mean()
        found.append((groups - 1) * np.var(scaled[1:]))
    right = of_slides**2 + of_halvings**2 / repetitions
    assert 0.9 * right < np.mean(found) < most * right


def test_embeddings_with_the_scanner_in_them_drop_and_others_do_not() -> None:
    bad, good = (measure_drop(*make(0, slides=30, each=20, classes=2, levels=level), "scanner") for level in (4.0, 0.0))
    assert bad.high is not None
    assert bad.high < 0
    assert good.value == pytest.approx(0, abs=0.05)
    assert good.slides == 20  # of two of the three scanners


def test_no_sample_of_a_training_slide_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    table, features = make(1, slides=24, each=20)
    slides = table["slide"].str[1:].to_numpy(dtype=int)
    cells = 2 * (slides % 3 == 0) + table["label"].to_numpy()
    seen = []

    def note(_: np.ndarray, cells: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
        assert not set(slides[train]) & set(slides[test])
        assert 7 not in slides[[*train, *test]]
        seen.append(np.bincount(cells[train], minlength=4) / len(train))
        return 0.5

    monkeypatch.setattr(performance_drop, "_test", note)
    measure_accuracies(features, cells, slides, slides != 7)
    assert seen[0] == pytest.approx([0.25] * 4)
    assert sorted(seen[len(BIASES) - 1]) == pytest.approx([0, 0, 0.5, 0.5])
    assert len(seen) == 4 * len(BIASES)


def test_too_few_samples_have_no_drop() -> None:
    found = measure_drop(*make(0, slides=9, each=6), "scanner")
    assert (found.value, found.why) == (None, "too few slides or samples of each class for a performance drop")
