from __future__ import annotations

import numpy as np
import pytest

from mitofm.evaluation import law_intervals, statistics
from mitofm.evaluation.law_intervals import fit_draws
from mitofm.evaluation.replicates import Replicates

LABELS = np.array([10.0, 100.0, 1_000.0, 10_000.0])


def measure(errors: np.ndarray, moves: np.ndarray, seeds: int = 1) -> list[list[Replicates]]:
    """For each amount seeds of this error; each of the slides moves it by `moves` (amounts, slides)."""
    names = [f"slide {place:02d}" for place in range(moves.shape[1])]
    counts = [10.0] * len(names)
    return [
        [Replicates(names, "same", counts, counts, {"auroc": [1 - error, *(1 - error + move)]}) for _ in range(seeds)]
        for error, move in zip(errors, moves, strict=True)
    ]


@pytest.fixture
def moves() -> np.ndarray:
    rng = np.random.default_rng(0)
    return 0.002 * (rng.standard_normal(40) + 0.3 * rng.standard_normal((4, 40)))


def test_a_law_is_found_again_and_its_intervals_hold_it(moves: np.ndarray) -> None:
    law = fit_draws(LABELS, measure(0.5 * LABELS**-0.3 + 0.05, moves))
    for name, truth in {"a": 0.5, "b": 0.3, "c": 0.05}.items():
        value, low, high = law.summarise(name)
        assert value == pytest.approx(truth, rel=0.02)
        assert low < truth < high
    assert law.foresee(20_000)[0] == pytest.approx(0.95 - 0.5 * 20_000**-0.3, abs=1e-4)
    value, low, high = law.count_labels(0.95 - 0.5 * 300**-0.3)
    assert value == pytest.approx(300, rel=0.02)
    assert low < 300 < high


def test_each_amount_is_drawn_as_its_interval_says_and_amounts_as_their_slides_do(
    moves: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []
    fit = law_intervals.scaling_law.fit
    monkeypatch.setattr(law_intervals.scaling_law, "fit", lambda *given: fitted.append(given[1]) or fit(*given))
    measured = measure(0.5 * LABELS**-0.3 + 0.05, moves)
    fit_draws(LABELS, measured, draws=20_000)
    drawn = 1 - fitted[-1]
    for column, seeds in zip(drawn.T, measured, strict=True):
        one = statistics.estimate(seeds)
        assert np.quantile(column, [0.025, 0.975]) == pytest.approx(
            [one.low, one.high], abs=0.03 * (one.high - one.low)
        )
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(moves), atol=0.03)


def test_near_an_auroc_of_1_the_exponent_has_no_interval_and_what_is_needed_has(moves: np.ndarray) -> None:
    law = fit_draws(LABELS, measure(0.5 * LABELS**-0.4, moves))
    assert law.summarise("b")[1:] == [None, None]
    assert law.summarise("b")[0] == pytest.approx(0.4, rel=0.05)
    assert None not in law.count_labels(0.9)


def test_an_amount_without_an_interval_leaves_the_law_without_one(moves: np.ndarray) -> None:
    law = fit_draws(LABELS, measure(0.5 * LABELS**-0.3 + 0.05, moves[:, :5]))
    assert law.slides == 5
    assert law.foresee(20_000)[1:] == [None, None]


def test_an_amount_that_no_slide_disturbs_is_a_point_like_the_most_precise_one(moves: np.ndarray) -> None:
    """Constant logits have an AUROC of 0.5 exactly, with and without each slide."""
    moves[0] = 0
    law = fit_draws(LABELS, measure(np.array([0.5, 0.3, 0.2, 0.15]), moves))
    assert law.foresee(10)[0] == pytest.approx(0.5, abs=0.03)
    assert None not in [*law.summarise("b"), *law.foresee(20_000)]


def test_a_seed_in_which_auroc_is_not_defined_does_not_count(moves: np.ndarray) -> None:
    errors = 0.5 * LABELS**-0.3 + 0.05
    whole, lacking = measure(errors, moves, seeds=2), measure(errors, moves, seeds=2)
    undefined = {"auroc": [None] * (1 + moves.shape[1])}
    lacking[1].append(Replicates([f"other {n:02d}" for n in range(40)], "others", [10.0] * 40, [0.0] * 40, undefined))
    assert fit_draws(LABELS, lacking).summarise("b") == fit_draws(LABELS, whole).summarise("b")
