"""The mean of calibrated logits, on made-up members whose truth is known."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mitofm.ensembles.combining import combine
from mitofm.ensembles.members import Member, group, list_members
from mitofm.ensembles.writing import make_prefix
from mitofm.evaluation.calibration import fit_platt
from mitofm.evaluation.weighing import weigh
from mitofm.ground.errors import MitofmError
from mitofm.runs.choice import count_tried

LABELS: dict[str, Any] = {"dataset": "d", "backbone": "b", "adaptation": "lora", "split": "in_domain", "fraction": 1.0,
                          "positive": "p", "negative": "n", "n_train": 8, "n_validation": 200}  # fmt: skip


def table(samples: range, logits: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    names = [f"s{one:04d}" for one in samples]
    slides = [f"slide{one % 8}" for one in samples]
    frame = pd.DataFrame({"sample_id": names, "slide": slides, "domain": "a", "label": labels, "logit": logits})
    return frame.assign(evaluation_set="in_domain")


def member(
    seed: int,
    scale: float = 1.0,
    offset: float = 0.0,
    tested: range = range(200),
    decides: bool = True,
    noise: float = 1.0,
) -> Member:
    """A cell whose logits are the truth and noise of its own, on a scale of its own."""
    own, shared = np.random.default_rng(seed), np.random.default_rng(99)
    truth = shared.integers(0, 2, 2000)

    def score(samples: range) -> pd.DataFrame:
        labels = truth[samples.start : samples.stop]
        return table(samples, offset + scale * (2 * labels - 1 + own.normal(0, noise, len(labels))), labels)

    learned = table(range(1900, 2000), np.zeros(100), truth[1900:])
    split = pd.concat([score(tested).assign(part="test"), learned.assign(part="train")], ignore_index=True)
    metrics = {"validation": {"decides": decides}, "prior": {"logit": 0.5}, "threshold": {"value": 0.5}}
    return Member(Path(f"cell{seed}"), f"id{seed}", LABELS | {"seed": seed, "split_seed": 1}, {}, metrics,
                  score(tested), score(range(1500, 1700)), split)  # fmt: skip


def test_members_on_other_scales_count_the_same_and_their_mean_is_better_than_they_are() -> None:
    members = [member(seed, scale=10.0**seed, offset=seed) for seed in range(3)]
    found = combine(members, calibrate=True, weighted=False)
    alone = [combine([one, member(7)], True, False).metrics["chosen"]["members"][one.folder.name] for one in members]
    assert [part["slope"] * 10.0**seed for seed, part in enumerate(alone)] == pytest.approx([2.1] * 3, abs=0.5)
    expected = np.mean(
        [part.place(one.predictions["logit"]) for one, part in zip(members, found.parts, strict=True)], 0
    )
    np.testing.assert_allclose(found.predictions["logit"], expected)
    aurocs = [combine([one, member(8, noise=1e6)], True, False).metrics for one in members]
    assert found.metrics["sets"]["all"]["auroc"] > max(one["sets"]["all"]["auroc"] for one in aurocs)
    assert found.metrics["threshold"]["rule"] == "validation"
    assert found.validation is not None
    uncalibrated = combine(members, calibrate=False, weighted=False)
    assert np.corrcoef(uncalibrated.predictions["logit"], members[2].predictions["logit"])[0, 1] > 0.99


def test_test_labels_decide_nothing() -> None:
    members = [member(seed) for seed in range(3)]
    flipped = [
        Member(**{**vars(one), "predictions": one.predictions.assign(label=1 - one.predictions["label"])})
        for one in members
    ]
    one, other = (combine(side, calibrate=True, weighted=True) for side in (members, flipped))
    assert one.metrics["threshold"] == other.metrics["threshold"]
    assert one.parts == other.parts
    pd.testing.assert_series_equal(one.predictions["logit"], other.predictions["logit"])


def test_folds_are_pooled_and_no_threshold_is_chosen_on_what_another_fold_tests() -> None:
    members = [member(seed, scale=5.0**seed, tested=range(100 * seed, 100 * seed + 100)) for seed in range(3)]
    found = combine(members, calibrate=True, weighted=False)
    assert len(found.predictions) == 300
    assert not found.same
    assert found.validation is None
    assert found.metrics["threshold"]["rule"] == "fixed"
    pooled = pd.concat([one.predictions for one in members])
    raw = combine(members, calibrate=False, weighted=False).metrics["sets"]["all"]["auroc"]
    assert found.metrics["sets"]["all"]["auroc"] > raw
    assert set(found.predictions["sample_id"]) == set(pooled["sample_id"])


@pytest.mark.parametrize("calibrate", [True, False])
def test_pooled_folds_state_the_prevalence_that_their_probabilities_are_calibrated_to(calibrate: bool) -> None:
    members = [member(seed, tested=range(100 * seed, 100 * seed + 100)) for seed in range(3)]
    shares = [one.split.loc[one.split["part"] == "train", "label"].mean() for one in members]
    if not calibrate:  # trained towards votes: what each was, its logits are calibrated to
        members = [Member(**{**vars(one), "split": one.split.assign(target=0.2)}) for one in members]
        shares = [0.2] * 3
    prior = combine(members, calibrate, weighted=False).metrics["prior"]
    assert prior["prevalence"] == pytest.approx(np.mean(shares))
    assert prior["logit"] == pytest.approx(np.log(shares[0] / (1 - shares[0])) if calibrate else 0.5)


def test_few_validation_samples_calibrate_and_weigh_nothing() -> None:
    members = [member(0), member(1, decides=False, scale=3.0)]
    found = combine(members, calibrate=True, weighted=False)
    assert not found.metrics["chosen"]["calibrated"]
    assert count_tried(found.metrics["chosen"]) == 1
    assert found.metrics["threshold"]["rule"] == "fixed"
    assert found.metrics["prior"]["logit"] == pytest.approx(0.5)
    np.testing.assert_allclose(
        found.predictions["logit"], np.mean([one.predictions["logit"] for one in members], axis=0)
    )
    with pytest.raises(MitofmError, match="take weights=equal"):
        combine(members, calibrate=True, weighted=True)


def test_what_is_no_ensemble_is_refused() -> None:
    one = member(0)
    with pytest.raises(MitofmError, match="at least two cells"):
        combine([one, one], True, False)
    with pytest.raises(MitofmError, match=r"share 100 of their 200 and 200 test samples.*split_seed"):
        combine([one, member(1, tested=range(100, 300))], True, False)
    with pytest.raises(MitofmError, match="differ in fraction"):
        combine([one, Member(**{**vars(member(1)), "labels": LABELS | {"fraction": 0.5, "seed": 3}})], True, False)
    with pytest.raises(MitofmError, match=r"does not rise .* they rank no better than chance"):
        combine([one, member(1, scale=-1.0)], True, False)
    with pytest.raises(MitofmError, match="finished before predictions of validation samples were kept"):
        combine([one, Member(**{**vars(member(1)), "validation": None})], True, False)
    moved = member(1)
    other = Member(**{**vars(moved), "predictions": moved.predictions.assign(evaluation_set="other")})
    with pytest.raises(MitofmError, match="other labels, slides or evaluation sets"):
        combine([one, other], True, False)


def test_cells_of_a_study_are_grouped_by_what_they_share() -> None:
    cells = [member(0), member(1), member(2)]
    apart = Member(**{**vars(member(3)), "labels": LABELS | {"seed": 3, "split_seed": 2}})
    full = Member(**{**vars(member(4)), "labels": LABELS | {"adaptation": "full", "seed": 4, "split_seed": 1}})
    assert [len(one) for one in group([*cells, apart, full], "seed")] == [3, 1, 1]


def test_an_ensemble_over_backbones_mixes_neither_twins_nor_ranks() -> None:
    def cell(backbone: str, weights: str, rank: int, lr: float) -> Member:
        labels = LABELS | {"seed": 1, "split_seed": 1, "backbone": backbone, "weights": weights}
        settings = {"adaptation": {"rank": rank, "lr": lr}}
        return Member(**{**vars(member(1)), "labels": labels, "config": settings})

    cells = [cell(*one) for one in product(("tiny", "large"), ("pretrained", "random"), (8, 16), (1.0,))]
    found = group(cells, "backbone")
    assert len(found) == 4
    assert all([one.labels["backbone"] for one in together] == ["tiny", "large"] for together in found)
    own_rates = [cell("tiny", "pretrained", 8, 1.0), cell("large", "pretrained", 8, 0.1)]
    assert len(group(own_rates, "backbone")) == 1
    with pytest.raises(MitofmError, match="have the same backbone and differ in a learning rate"):
        group([*own_rates, cell("tiny", "pretrained", 8, 0.5)], "backbone")


def test_an_ensemble_of_much_has_a_name_that_a_folder_can_have() -> None:
    many = {key: " + ".join(f"{key}_{one}" for one in range(40)) for key in ("backbone", "adaptation")}
    prefix = make_prefix(LABELS | many | {"weights": "pretrained", "seed": 1, "training_seed": 2})
    assert len(prefix) == 180
    short = make_prefix(LABELS | {"weights": "random", "seed": 1})
    assert short == "d-b-random-lora-in_domain-f1-s1"


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_platts_line_does_not_depend_on_the_scale_of_the_logits(seed: int, scale: float, offset: float) -> None:
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [30, 10])
    logits = labels + random.normal(0, 1, 40)
    intercept, slope = fit_platt(labels, logits)
    moved, flatter = fit_platt(labels, offset + scale * logits)
    np.testing.assert_allclose(intercept + slope * logits, moved + flatter * (offset + scale * logits), atol=1e-5)


def test_separated_classes_have_a_line_and_equal_logits_have_none() -> None:
    labels = np.repeat([0, 1], 20)
    intercept, slope = fit_platt(labels, labels.astype(float))
    assert np.isfinite([intercept, slope]).all()
    assert slope > 0
    assert np.isnan(fit_platt(labels, np.ones(40))).all()


def test_weights_find_the_one_that_knows() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 500)
    good, noise = (2 * labels - 1.0) + random.normal(0, 1, 500), random.normal(0, 3, 500)
    weights = weigh(labels, np.stack([noise, good]))
    assert weights.sum() == pytest.approx(1)
    assert weights[1] > 0.9
    assert weigh(labels, np.stack([good, good])) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("odd", ["/etc", "../other", ".."])
def test_members_of_a_folder_from_elsewhere_are_cells_beside_it(tmp_path: Path, odd: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"members": ["a-cell", odd]}))
    with pytest.raises(MitofmError, match="no names of cells"):
        list_members(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"members": ["a-cell", "b-cell"]}))
    assert list_members(tmp_path) == ["a-cell", "b-cell"]
