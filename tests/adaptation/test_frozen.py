"""What every frozen mode promises: a signal found, noise not, the same head from the same seed, and only what is stated kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled
from mitofm.commands.composing.compose import list_group
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError

WIDTH, TOKENS, N = 24, 16, 240
STORED = {  # shapes for N training samples of WIDTH features: nothing else may be kept
    "linear_probe": {"weight": (WIDTH,), "bias": (1,)},
    "knn": {"centre": (WIDTH,), "cells": (N, WIDTH), "votes": (N,), "k": (1,), "temperature": (1,)},
    "prototype": {"centre": (WIDTH,), "weight": (WIDTH,), "bias": (1,)},
    "mlp_probe": {"hidden_weight": (256, WIDTH), "hidden_bias": (256,), "weight": (256,), "bias": (1,)},
    "attentive_probe": {"query": (WIDTH,), "weight": (WIDTH,), "bias": (1,)},
}
MODES = list(STORED)
ITERATED = ["mlp_probe", "attentive_probe"]  # in batches that the seed draws
CHOOSING = ["linear_probe", "knn", "mlp_probe", "attentive_probe"]
CHOICE = {"linear_probe": "c", "knn": "k", "mlp_probe": "weight_decay", "attentive_probe": "weight_decay"}


def mode(name: str, **more: Any) -> FrozenAdaptation:
    config = OmegaConf.merge(OmegaConf.load(list_group("adaptation")[name]), more)
    return instantiate(OmegaConf.to_container(config, resolve=True), "adaptation")


def quick(name: str, **more: Any) -> FrozenAdaptation:
    return mode(name, **({"steps": 20, "batch_size": 64} if name in ITERATED else {}), **more)


def samples(name: str, seed: int, n: int = N, signal: float = 1.0, positives: float = 0.5) -> Labelled:
    """Embeddings whose classes differ along one of many correlated directions; or tokens, one of which, anywhere, says so.

    Both have means far from 0, scales of their own and a dead feature, as real ones do; tokens also know their place.
    """
    world, rng = np.random.default_rng(99), np.random.default_rng(seed)
    mix, far, places = (
        world.normal(size=(WIDTH, WIDTH)),
        5 * world.normal(size=WIDTH),
        world.normal(size=(TOKENS, WIDTH)),
    )
    direction = 3 * signal * np.linalg.svd(mix)[2][3] * 8
    labels = (rng.random(n) < positives).astype(int)
    if mode(name).of_tokens:
        features = rng.normal(size=(n, TOKENS, WIDTH)) @ mix / 3 + 2 * places + far
        features[np.arange(n), rng.integers(0, TOKENS, n)] += labels[:, None] * direction
    else:
        features = rng.normal(size=(n, WIDTH)) @ mix + far + labels[:, None] * direction
    features[..., 5] = 7.0
    return Labelled(features.astype(np.float32), labels, np.asarray([f"s{i}" for i in rng.integers(0, 12, n)]))


def auroc(head: Any, tested: Labelled) -> float:
    return float(roc_auc_score(tested.labels, head.logits(tested.embeddings)))


@pytest.mark.parametrize("name", MODES)
def test_a_planted_signal_is_found(name: str) -> None:
    fewer_steps = {"steps": 100} if name in ITERATED else {}
    head = mode(name, **fewer_steps).fit(samples(name, 0), samples(name, 1, 100), balanced=True, seed=0)
    assert auroc(head, samples(name, 2, 400)) > 0.95


@pytest.mark.parametrize("name", MODES)
def test_shuffled_labels_teach_nothing(name: str) -> None:
    head = quick(name).fit(samples(name, 0, signal=0), samples(name, 1, 100, signal=0), balanced=True, seed=0)
    assert auroc(head, samples(name, 2, 800, signal=0)) == pytest.approx(0.5, abs=0.1)  # a standard error is 0.02


@pytest.mark.parametrize("name", MODES)
def test_a_checkpoint_holds_what_is_stated_and_round_trips_strictly(name: str, tmp_path: Path) -> None:
    head = quick(name).fit(samples(name, 0), samples(name, 1, 100), balanced=True, seed=0)
    assert {field: array.shape for field, array in head.state().items()} == STORED[name]
    kept = {} if name == "knn" else STORED[name]
    assert head.trained_parameters == sum(int(np.prod(shape)) for shape in kept.values())
    save_file(head.state(), tmp_path / "trained.safetensors")
    state = load_file(tmp_path / "trained.safetensors")
    tested = samples(name, 2).embeddings
    np.testing.assert_array_equal(mode(name).load(state, WIDTH).logits(tested), head.logits(tested))
    first = next(iter(state))
    with pytest.raises(MitofmError, match=rf"not one of adaptation '{name}': it differs in {first}$"):
        mode(name).load({field: array for field, array in state.items() if field != first}, WIDTH)
    with pytest.raises(MitofmError, match=rf"is for embeddings of width {WIDTH}, and this backbone gives {WIDTH + 1}"):
        mode(name).load(state, WIDTH + 1)


@pytest.mark.parametrize("name", MODES)
def test_the_same_seed_gives_the_same_head_whatever_was_drawn_before(name: str) -> None:
    train, validation = samples(name, 0), samples(name, 1, 100)
    heads = []
    for seed in (0, 0, 1):
        torch.rand(3)
        np.random.rand(3)
        heads.append(quick(name).fit(train, validation, balanced=True, seed=seed))
    for field, array in heads[0].state().items():
        np.testing.assert_array_equal(heads[1].state()[field], array)
    assert heads[0].notes == heads[1].notes
    same = all(np.array_equal(heads[2].state()[field], array) for field, array in heads[0].state().items())
    assert same == (name not in ITERATED)


@pytest.mark.parametrize("name", MODES)
def test_a_cells_logit_depends_on_no_other_cell_and_no_order(name: str) -> None:
    train, validation, tested = samples(name, 0), samples(name, 1, 100), samples(name, 2, 300).embeddings
    order = np.random.default_rng(0).permutation(300)
    head = quick(name).fit(train, validation, balanced=True, seed=0)
    logits = head.logits(tested)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(head.logits(tested[order]), logits[order], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.logits(tested[:1]), logits[:1], rtol=1e-4, atol=1e-5)
    if name not in ITERATED:  # whose batches are made of positions
        reordered = train.select(np.random.default_rng(1).permutation(len(train)))
        again = quick(name).fit(reordered, validation, balanced=True, seed=0)
        np.testing.assert_allclose(again.logits(tested), logits, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MODES)
def test_the_scale_and_the_place_of_features_do_not_matter(name: str) -> None:
    def moved(labelled: Labelled) -> Labelled:
        return Labelled(labelled.embeddings * 50 - 30, labelled.labels, labelled.slides)

    train, validation, tested = samples(name, 0), samples(name, 1, 100), samples(name, 2)
    plain = quick(name).fit(train, validation, balanced=True, seed=0).logits(tested.embeddings)
    other = quick(name).fit(moved(train), moved(validation), balanced=True, seed=0).logits(moved(tested).embeddings)
    np.testing.assert_allclose(other, plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", MODES)
def test_balanced_classes_weigh_the_same_however_frequent(name: str) -> None:
    train = samples(name, 0, signal=0, positives=0.1)
    cautious = {"linear_probe": {"c": [1e-4]}, "knn": {"k": [500], "temperature": 10}}
    settings = cautious.get(name, {"weight_decay": [100]} if name in ITERATED else {})
    heads = [quick(name, **settings).fit(train, None, balanced=balanced, seed=0) for balanced in (True, False)]
    balanced, natural = (float(np.median(head.logits(samples(name, 2, signal=0).embeddings))) for head in heads)
    prior = float(np.log(train.labels.mean() / (1 - train.labels.mean())))
    assert (balanced, natural) == (pytest.approx(0, abs=0.6), pytest.approx(prior, abs=0.6))


@pytest.mark.parametrize("name", CHOOSING)
def test_the_setting_is_chosen_on_validation_else_inside_training_else_stated(name: str) -> None:
    adaptation, train, validation = quick(name), samples(name, 0), samples(name, 1, 100)
    choice = CHOICE[name]
    assert len(adaptation.values) == 9  # type: ignore[attr-defined]  as many trials for every mode that chooses
    chosen = adaptation.fit(train, validation, balanced=True, seed=0).notes
    scores = chosen[f"{choice}_scores"]
    assert chosen[f"{choice}_rule"] == "validation"
    assert scores[str(float(chosen[choice])) if name != "knn" else str(chosen[choice])] == max(scores.values())
    inside = adaptation.fit(train, None, balanced=True, seed=0).notes
    assert inside[f"{choice}_rule"] == "cross_validation"
    assert inside[choice] in adaptation.values  # type: ignore[attr-defined]
    one_slide = Labelled(train.embeddings, train.labels, np.zeros(N, str))
    fixed = adaptation.fit(one_slide, None, balanced=True, seed=0).notes
    assert (fixed[f"{choice}_rule"], fixed[choice]) == ("fixed", adaptation.without_choice)  # type: ignore[attr-defined]


def test_knn_votes_as_its_formula_says() -> None:
    train, tested = samples("knn", 0, 60, signal=0.1, positives=0.3), samples("knn", 2, 20, signal=0.1).embeddings
    head = mode("knn", k=[7]).fit(train, None, balanced=True, seed=0)
    centre = train.embeddings.mean(0)
    around = [x - centre for x in train.embeddings]
    weights = 60 / (2 * np.bincount(train.labels))
    for patch, logit in zip(tested, head.logits(tested), strict=True):
        here = patch - centre
        cosines = np.asarray([here @ x / np.linalg.norm(here) / np.linalg.norm(x) for x in around])
        nearest = np.argsort(-cosines)[:7]
        shares = 7 * softmax(cosines[nearest] / 0.07)
        votes = [sum(shares[train.labels[nearest] == c]) * weights[c] for c in (0, 1)]
        assert logit == pytest.approx(np.log((votes[1] + 0.5) / (votes[0] + 0.5)), abs=1e-3)


def test_prototypes_are_discriminant_analysis_along_their_line() -> None:
    train, tested = samples("prototype", 0, positives=0.3, signal=0.1), samples("prototype", 2, 50).embeddings
    centre = train.embeddings.mean(0)

    def direction(x: np.ndarray) -> np.ndarray:
        return (x - centre) / np.linalg.norm(x - centre, axis=1, keepdims=True)

    seen = direction(train.embeddings)
    line = seen[train.labels == 1].mean(0) - seen[train.labels == 0].mean(0)
    for balanced, priors in ((True, [0.5, 0.5]), (False, None)):
        reference = LinearDiscriminantAnalysis(priors=priors).fit(seen @ line[:, None], train.labels)
        head = mode("prototype").fit(train, None, balanced=balanced, seed=0)
        expected = reference.decision_function(direction(tested) @ line[:, None])
        np.testing.assert_allclose(head.logits(tested), expected, rtol=0.02, atol=0.02)


def test_one_cell_of_each_class_is_enough_for_prototypes() -> None:
    train = samples("prototype", 0)
    two = train.select(np.asarray([np.flatnonzero(train.labels == label)[0] for label in (0, 1)]))
    logits = mode("prototype").fit(two, None, balanced=True, seed=0).logits(two.embeddings)
    np.testing.assert_allclose(logits, [-1, 1], atol=1e-5)


def test_the_networks_are_what_their_heads_say() -> None:
    tested = samples("mlp_probe", 2, 9).embeddings
    mlp = quick("mlp_probe").fit(samples("mlp_probe", 0), None, balanced=True, seed=0)
    hidden = np.maximum(tested @ mlp.hidden_weight.T + mlp.hidden_bias, 0)  # type: ignore[attr-defined]
    np.testing.assert_allclose(mlp.logits(tested), hidden @ mlp.weight + mlp.bias, rtol=1e-4, atol=1e-4)  # type: ignore[attr-defined]
    tokens = samples("attentive_probe", 2, 9).embeddings
    attentive = quick("attentive_probe").fit(samples("attentive_probe", 0), None, balanced=True, seed=0)
    pooled = (softmax(tokens @ attentive.query, axis=1)[..., None] * tokens).sum(1)  # type: ignore[attr-defined]
    expected = pooled @ attentive.weight + attentive.bias  # type: ignore[attr-defined]
    np.testing.assert_allclose(attentive.logits(tokens), expected, rtol=1e-4, atol=1e-4)


def test_attention_finds_what_the_mean_of_the_tokens_hides() -> None:
    train, validation, tested = (samples("attentive_probe", seed, 200, signal=0.7) for seed in (0, 1, 2))
    pooled = [Labelled(one.embeddings.mean(1), one.labels, one.slides) for one in (train, validation, tested)]  # type: ignore[union-attr]
    of_mean = auroc(mode("linear_probe").fit(pooled[0], pooled[1], balanced=True, seed=0), pooled[2])
    attentive = auroc(mode("attentive_probe", steps=300).fit(train, validation, balanced=True, seed=0), tested)
    assert of_mean < 0.93
    assert attentive > 0.97


@pytest.mark.parametrize("name", ITERATED)
def test_networks_trained_together_are_trained_as_if_alone_by_adamw(name: str) -> None:
    train = samples(name, 0, 40)
    settings = {"steps": 12, "batch_size": 40, "lr": 0.01}
    together = mode(name, weight_decay=[30.0, 1.0], **settings).fit_path(  # type: ignore[attr-defined]
        train, [30.0, 1.0], balanced=False, seed=3, device="cpu"
    )
    for decay, head in zip((30.0, 1.0), together, strict=True):
        expected = by_adamw(mode(name, weight_decay=[decay], **settings), train, decay)
        logits = head.logits(train.embeddings)  # up to the bias, whose first gradient, at the prior, is rounding error
        np.testing.assert_allclose(logits - logits.mean(), expected - expected.mean(), rtol=1e-2, atol=2e-3)


def by_adamw(probe: Any, train: Labelled, decay: float) -> np.ndarray:
    """The logits after the same training, its batches all the samples, with torch's AdamW."""
    from mitofm.adaptation.networks import _measure_moments
    from mitofm.ground.seeds import derive

    moments = _measure_moments(train, "cpu")
    torch.manual_seed(derive(3, "initialisation", probe.name))
    start = probe.initialise(WIDTH)
    start["bias"] += float(np.log(train.labels.sum() / (len(train) - train.labels.sum())))
    parameters = {field: one[None].clone().requires_grad_() for field, one in start.items()}
    groups = [{"params": [one], "weight_decay": 0.0 if "bias" in field else decay} for field, one in parameters.items()]
    optimiser = torch.optim.AdamW(groups, probe.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, probe.lr, probe.steps, pct_start=0.1, cycle_momentum=False
    )
    features, truth = torch.tensor(train.embeddings), torch.tensor(train.labels).float()
    for _ in range(probe.steps):
        logits = probe.head.forward(features, probe.undo_standardisation(parameters, moments))[0]
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(logits, truth).backward()
        optimiser.step()
        schedule.step()
    return probe.head.forward(features, probe.undo_standardisation(parameters, moments))[0].detach().numpy()


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("knn", {"temperature": 0}, "adaptation.temperature=0: give a number above 0"),
        ("knn", {"k": []}, "give the values to choose from"),
        ("knn", {"k": [5, 0]}, r"adaptation.k=\[5, 0\]: give a list, each a whole number of at least 1"),
        ("linear_probe", {"c_without_choice": 0}, "adaptation.c_without_choice=0: give a number above 0"),
        ("mlp_probe", {"hidden": 0}, "adaptation.hidden=0: give a whole number of at least 1"),
        ("mlp_probe", {"lr": 0}, "adaptation.lr=0: give a number above 0"),
        ("attentive_probe", {"steps": 0}, "adaptation.steps=0: give a whole number of at least 1"),
        ("prototype", {"views": 4}, "adaptation.views=4: give 1 or 8"),
        ("attentive_probe", {"folds": 1}, "adaptation.folds=1: give a whole number of at least 2"),
    ],
)
def test_bad_settings_are_refused(name: str, setting: dict[str, Any], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        mode(name, **setting)


def test_ten_steps_are_enough_to_run() -> None:
    mode("mlp_probe", steps=10).fit(samples("mlp_probe", 0), samples("mlp_probe", 1, 100), balanced=True, seed=0)


def test_a_network_that_diverges_is_an_error_not_a_head() -> None:
    with pytest.raises(MitofmError, match=r"the loss of 'mlp_probe' is not finite: lower adaptation.lr, now 1e\+30"):
        quick("mlp_probe", lr=1e30).fit(samples("mlp_probe", 0), None, balanced=True, seed=0)


@pytest.mark.parametrize("name", MODES)
def test_unanimous_votes_give_the_very_head_of_the_labels(name: str) -> None:
    train, validation, tested = samples(name, 0, positives=0.3), samples(name, 1, 100), samples(name, 2).embeddings
    voted = replace(train, shares=train.labels.astype(float))
    by_label, by_vote = (quick(name).fit(one, validation, balanced=True, seed=0) for one in (train, voted))
    np.testing.assert_array_equal(by_vote.logits(tested), by_label.logits(tested))
    assert by_vote.notes == by_label.notes


@pytest.mark.parametrize("name", [name for name in MODES if name != "prototype"])
def test_probabilities_approach_the_share_of_votes(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 120)
    features = rng.normal(size=(240, 6)) * 0.01 + 3 * labels[:, None]
    if mode(name).of_tokens:
        features = np.repeat(features[:, None], 4, axis=1)
    train = Labelled(features.astype(np.float32), labels, np.full(240, "s"), np.where(labels == 1, 0.8, 0.3))
    settings = {"linear_probe": {"c": [100]}, "knn": {"k": [60]}}
    fitted = mode(name, **settings.get(name, {"weight_decay": [1e-4], "steps": 100, "batch_size": 240, "lr": 0.03}))
    probabilities = expit(fitted.fit(train, None, balanced=False, seed=0).logits(train.embeddings))
    assert probabilities[:120] == pytest.approx(0.3, abs=0.05)
    assert probabilities[120:] == pytest.approx(0.8, abs=0.05)
