import pytest
import torch
from torch.nn import functional as F

from mitofm.training.loss import Loss

LOGITS = torch.tensor([-2.0, 0.5, 3.0, -40.0], requires_grad=True)
LABELS = torch.tensor([0.0, 1.0, 0.0, 1.0])
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 1.0])


def gradient(loss: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, LOGITS)[0]


def test_without_focus_it_is_cross_entropy() -> None:
    ours = Loss()(LOGITS, LABELS, WEIGHTS)
    reference = F.binary_cross_entropy_with_logits(LOGITS, LABELS, weight=WEIGHTS)
    assert torch.equal(ours, reference)
    assert torch.equal(gradient(ours), gradient(reference))


def test_focal_loss_by_its_definition() -> None:
    p = torch.sigmoid(LOGITS)
    right = torch.where(LABELS == 1, p, 1 - p)
    reference = (-WEIGHTS[:3] * (1 - right[:3]) ** 2 * right[:3].log()).sum()
    ours = Loss(gamma=2.0)(LOGITS[:3], LABELS[:3], WEIGHTS[:3]) * 3
    assert ours.item() == pytest.approx(reference.item(), rel=1e-6)
    assert torch.isfinite(gradient(Loss(gamma=2.0)(LOGITS, LABELS, WEIGHTS))).all()


def test_smoothing_spreads_the_label_over_both_classes() -> None:
    ours = Loss(smoothing=0.2)(LOGITS, LABELS, WEIGHTS)
    reference = F.binary_cross_entropy_with_logits(LOGITS, torch.tensor([0.1, 0.9, 0.1, 0.9]), weight=WEIGHTS)
    assert ours.item() == pytest.approx(reference.item(), rel=1e-6)
