import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mitofm.data.mixing import Mix

LABELS = np.array([0, 1], np.float32)
WEIGHTS = np.array([1, 3], np.float32)
FLAT = np.stack([np.zeros((12, 12, 3), np.uint8), np.full((12, 12, 3), 250, np.uint8)])


def test_without_mixing_nothing_changes() -> None:
    assert Mix()(FLAT, LABELS, WEIGHTS, 3)[0] is FLAT


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
@given(seed=st.integers(0, 10**9))
def test_labels_and_weights_follow_what_is_seen(way: str, seed: int) -> None:
    patches, labels, weights = Mix(**{way: 1.0})(FLAT, LABELS, WEIGHTS, seed)
    again = Mix(**{way: 1.0})(FLAT, LABELS, WEIGHTS, seed)
    assert all(np.array_equal(one, other) for one, other in zip((patches, labels, weights), again, strict=True))
    assert patches.dtype == np.uint8
    assert labels.dtype == weights.dtype == np.float32
    assert ((labels >= 0) & (labels <= 1)).all()
    assert weights.sum() == pytest.approx(WEIGHTS.sum(), rel=1e-5)  # every sample is once its own, once a partner
    logits = torch.tensor([0.3, -0.8])
    ours = F.binary_cross_entropy_with_logits(
        logits, torch.tensor(labels), weight=torch.tensor(weights), reduction="none"
    )
    bright = torch.tensor(patches.reshape(2, -1).mean(1) / 250)  # the share of the second patch in each
    as_first, as_second = (
        F.binary_cross_entropy_with_logits(logits, torch.full((2,), y), reduction="none") for y in (0.0, 1.0)
    )
    assert ours.tolist() == pytest.approx(((1 - bright) * as_first + bright * 3 * as_second).tolist(), abs=0.01)


def test_both_ways_are_taken_where_both_are_on() -> None:
    cut = [len(np.unique(Mix(1.0, 1.0)(FLAT, LABELS, WEIGHTS, seed)[0][0])) for seed in range(50)]
    assert {1, 2} == set(cut)


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
@given(seed=st.integers(0, 10**9), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_the_loss_of_mixed_shares_is_that_of_both_by_what_is_seen(
    way: str, seed: int, shares: tuple[float, float]
) -> None:
    labels = np.array(shares, np.float32)
    patches, mixed, weights = Mix(**{way: 1.0})(FLAT, labels, WEIGHTS, seed)
    bright = patches.reshape(2, -1).mean(1) / 250
    seen = np.stack([1 - bright, bright], axis=1) * WEIGHTS
    np.testing.assert_allclose(mixed * weights, seen @ labels, atol=0.02)
    np.testing.assert_allclose(weights, seen.sum(1), atol=0.02)
