"""Heads fitted to shares of votes are those fitted to every vote as a sample."""

from __future__ import annotations

import numpy as np
import pytest

from mitofm.adaptation import logistic
from mitofm.adaptation.frozen import Labelled
from mitofm.adaptation.knn import NearestNeighbours
from mitofm.adaptation.prototype import Prototype


@pytest.mark.parametrize("width", [8, 90])  # fewer features than samples, and more
def test_the_probe_is_that_of_every_sample_twice_weighted_by_its_votes(width: int) -> None:
    rng = np.random.default_rng(1)
    design = np.column_stack([rng.normal(size=(60, width)), np.ones(60)])
    shares = rng.integers(0, 6, 60) / 5
    weights = rng.uniform(0.5, 2, 60)
    twice = np.concatenate([design, design])
    hard, parts = np.repeat([0.0, 1.0], 60), np.concatenate([weights * (1 - shares), weights * shares])
    for soft, doubled in zip(
        logistic.fit_path(design, shares, weights, [0.01, 1.0, 30.0], 1e-11, 100),
        logistic.fit_path(twice, hard, parts, [0.01, 1.0, 30.0], 1e-11, 100),
        strict=True,
    ):
        assert soft.gradient_norm <= 1e-9
        np.testing.assert_allclose(soft.weight, doubled.weight, rtol=0, atol=1e-8)
        assert soft.bias == pytest.approx(doubled.bias, abs=1e-8)


def repeated(votes: np.ndarray, of: int) -> tuple[Labelled, Labelled]:
    """Samples with the votes of so many experts, and each sample as often, with the label each expert gave it."""
    features = np.random.default_rng(2).normal(size=(len(votes), 5)).astype(np.float32)
    slides = np.full(len(votes), "s")
    each = np.concatenate([[1] * vote + [0] * (of - vote) for vote in votes])
    once = Labelled(features, (votes > of / 2).astype(int), slides, votes / of)
    return once, Labelled(np.repeat(features, of, axis=0), each, np.repeat(slides, of))


def test_prototypes_are_those_of_every_vote_as_a_sample() -> None:
    votes = np.random.default_rng(3).integers(0, 5, 50)
    once, each = repeated(votes, 4)
    soft, hard = (Prototype("prototype", 1).fit(one, None, balanced=False, seed=0) for one in (once, each))
    degrees = (4 * 50 - 2) / (4 * (50 - 2))  # of the variance, which scales log-odds
    prior = np.log(votes.sum() / (4 * 50 - votes.sum()))
    logits = (head.logits(once.embeddings) - prior for head in (soft, hard))
    np.testing.assert_allclose(next(logits) * degrees, next(logits), rtol=1e-4, atol=1e-5)


def test_neighbours_divide_their_votes_as_the_experts_did() -> None:
    once, each = repeated(np.random.default_rng(4).integers(0, 4, 30), 3)
    soft, hard = (
        NearestNeighbours("knn", [k], k, 0.1).fit(one, None, balanced=False, seed=0)
        for one, k in ((once, 30), (each, 90))
    )
    votes = np.exp(soft.logits(once.embeddings)), np.exp(hard.logits(once.embeddings))
    # (V1 + 1/2) / (V0 + 1/2) with V0 + V1 = k: of three times as many votes, each class has three times as many.
    positive = [(k + 1) * one / (1 + one) - 0.5 for one, k in zip(votes, (30, 90), strict=True)]
    np.testing.assert_allclose(3 * positive[0], positive[1], rtol=1e-5, atol=1e-5)
