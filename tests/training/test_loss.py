import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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


shares = st.floats(0, 1, width=32)


@given(share=shares, logit=st.floats(-20, 20, width=32), smoothing=shares, weight=st.floats(0.125, 8, width=32))
def test_of_a_share_it_is_the_mean_of_both_labels(share: float, logit: float, smoothing: float, weight: float) -> None:
    def of(label: float) -> float:
        return Loss(smoothing=smoothing)(*(torch.tensor([one]) for one in (logit, label, weight))).item()

    assert of(share) == pytest.approx(share * of(1) + (1 - share) * of(0), rel=1e-4, abs=1e-5)


@settings(max_examples=12)
@given(
    share=st.floats(0.03125, 0.96875, width=32),
    gamma=st.sampled_from([0.0, 1.0, 2.0, 5.0]),
    smoothing=st.sampled_from([0.0, 0.25]),
)
def test_it_is_least_where_the_probability_is_the_share(share: float, gamma: float, smoothing: float) -> None:
    loss, logits = Loss(gamma, smoothing), torch.linspace(-4, 4, 161)
    each = [loss(logit[None], torch.tensor([share]), torch.ones(1)).item() for logit in logits]
    least = torch.sigmoid(logits[int(torch.tensor(each).argmin())]).item()
    assert least == pytest.approx(share * (1 - smoothing) + smoothing / 2, abs=0.02)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(("logit", "label"), [(0.0, 0.5), (40.0, 1.0), (-120.0, 0.0)])
def test_its_gradient_is_a_number_where_the_probability_is_the_share_to_the_last_digit(
    gamma: float, logit: float, label: float
) -> None:
    logits = torch.tensor([logit], requires_grad=True)
    (slope,) = torch.autograd.grad(Loss(gamma)(logits, torch.tensor([label]), torch.ones(1)), logits)
    assert slope.item() == pytest.approx(0, abs=1e-6)
