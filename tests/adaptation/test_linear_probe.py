import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mitofm.adaptation.frozen import Labelled
from mitofm.adaptation.linear_probe import LinearProbe
from mitofm.ground.errors import MitofmError


def samples(n: int, slides: int, seed: int = 0, signal: float = 1.0) -> Labelled:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    embeddings = rng.normal(5, 3, (n, 20)).astype(np.float32)
    embeddings[:, 0] += signal * 3 * labels
    embeddings[:, 7] = 1.5  # a dead feature
    return Labelled(embeddings, labels, rng.integers(0, slides, n).astype(str))


def probe(**more: object) -> LinearProbe:
    return LinearProbe(**({"name": "linear_probe", "c": [1.0, 0.01, 0.1], "c_without_choice": 0.05} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("balanced", [True, False])
def test_it_is_the_converged_standardised_solution(balanced: bool) -> None:
    train = samples(300, 10)
    head = probe(c=[0.1]).fit(train, samples(80, 5, 1), balanced=balanced, seed=0)
    x = train.embeddings.astype(float)
    std = x.std(0)
    std[std == 0] = 1
    model = LogisticRegression(C=0.1, tol=1e-10, max_iter=100_000, class_weight="balanced" if balanced else None)
    model.fit((x - x.mean(0)) / std, train.labels)
    assert np.abs(head.weight * std - model.coef_[0]).max() < 1e-4
    assert np.abs(head.logits(train.embeddings) - model.decision_function((x - x.mean(0)) / std)).max() < 1e-3
    assert head.notes["converged"]


def test_c_is_chosen_on_validation_else_inside_the_training_side() -> None:
    train = samples(200, 10)
    assert probe().fit(train, samples(80, 5, 1), balanced=True, seed=0).notes["c_rule"] == "validation"
    inside = probe().fit(train, None, balanced=True, seed=0)
    assert inside.notes["c_rule"] == "cross_validation"
    assert inside.notes["c"] in (0.01, 0.1, 1.0)
    one_slide = Labelled(train.embeddings, train.labels, np.zeros(200, str))
    fixed = probe().fit(one_slide, None, balanced=True, seed=0)
    assert (fixed.notes["c_rule"], fixed.notes["c"]) == ("fixed", 0.05)


def test_no_value_of_c_is_refused() -> None:
    with pytest.raises(MitofmError, match="give the values to choose from"):
        probe(c=[])
