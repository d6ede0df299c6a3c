from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mitofm.synthesis import figures
from mitofm.synthesis.domains import DOMAINS
from mitofm.synthesis.figures import SIZE, Figures
from mitofm.synthesis.lookalikes import LOOK_ALIKES, draw_look_alikes
from mitofm.synthesis.mitoses import PHASES, draw_mitoses
from mitofm.synthesis.shapes import draw_noise

DOMAIN = DOMAINS["canine soft tissue sarcoma"]
RADIUS = DOMAIN.radius


def drawn(label: int, n: int) -> Figures:
    rng = np.random.default_rng(0)
    given = (rng, figures.draw_scales(rng, n, RADIUS), rng.uniform(0, np.pi, n), draw_noise(rng, (256, 256), 3.0))
    return (draw_mitoses if label else draw_look_alikes)(*given, DOMAIN)


@pytest.mark.parametrize("label", [0, 1])
def test_each_cell_holds_chromatin_and_none_reaches_the_edge_of_its_square(label: int) -> None:
    cells = drawn(label, 200)
    assert cells.chromatin.shape == (200, SIZE, SIZE)
    assert (cells.chromatin.max(axis=(1, 2)) > 0.2).all()
    frame = np.ones((SIZE, SIZE), bool)
    frame[1:-1, 1:-1] = False
    assert cells.chromatin[:, frame].max() < 0.03


@pytest.mark.parametrize(("label", "kinds"), [(1, set(PHASES)), (0, set(LOOK_ALIKES))])
def test_every_kind_is_drawn(label: int, kinds: set[str]) -> None:
    assert set(drawn(label, 400).kind) == kinds


def test_frequencies_sum_to_one() -> None:
    assert sum(PHASES.values()) == pytest.approx(1)
    assert sum(look.frequency for look in LOOK_ALIKES.values()) == pytest.approx(1)


def test_phases_have_the_topology_of_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mitofm.synthesis.mitoses.BLURRED", 0.0)
    cells = drawn(1, 300)

    def typical(kind: str, of: Callable[[np.ndarray], int]) -> float:
        return float(np.median([of((one > 0.4).astype(np.uint8)) for one in cells.chromatin[cells.kind == kind]]))

    def plates(mask: np.ndarray) -> int:
        return int((cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA] > 15).sum())

    def holes(mask: np.ndarray) -> int:
        return plates(1 - mask) - 1

    assert [typical(kind, plates) for kind in ("metaphase", "anaphase", "telophase")] == [1, 2, 2]
    assert [typical(kind, holes) for kind in ("ring", "metaphase")] == [1, 0]


def test_pigment_is_commoner_in_tumors_that_make_it() -> None:
    rng = np.random.default_rng(0)
    given = (figures.draw_scales(rng, 400, RADIUS), np.zeros(400), draw_noise(rng, (256, 256), 3.0))
    shares = [
        draw_look_alikes(rng, *given, DOMAINS[name]).pigmented.mean() for name in ("canine lymphoma", "human melanoma")
    ]
    assert shares[1] > 2 * shares[0]


def test_amount_and_darkness_of_chromatin_overlap_between_the_classes() -> None:
    measured = [
        np.stack([(one.chromatin > 0.5).sum(axis=(1, 2)), np.quantile(one.chromatin, 0.99, axis=(1, 2))])
        for one in (drawn(0, 400), drawn(1, 400))
    ]
    apart = np.abs(measured[0].mean(axis=1) - measured[1].mean(axis=1)) / measured[0].std(axis=1)
    assert (apart < 0.5).all()
