from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mitofm.synthesis import figures, nuclei

SIZE, RADIUS = 72, 13.0


def drawn(draw: Callable[..., figures.Figures], n: int) -> figures.Figures:
    rng = np.random.default_rng(0)
    return draw(rng, n, SIZE, RADIUS, nuclei.noise(rng, (256, 256), 3.0))


@pytest.mark.parametrize("draw", [figures.mitotic, figures.look_alike])
def test_each_cell_holds_chromatin_and_none_reaches_the_edge_of_its_square(
    draw: Callable[..., figures.Figures],
) -> None:
    cells = drawn(draw, 120)
    assert cells.chromatin.shape == cells.body.shape == (120, SIZE, SIZE)
    assert (cells.chromatin.max(axis=(1, 2)) > 0.3).all()
    frame = np.ones((SIZE, SIZE), bool)
    frame[1:-1, 1:-1] = False
    assert cells.chromatin[:, frame].max() < 0.02
    assert cells.body[:, frame].max() < 0.05


def test_every_kind_is_drawn_and_the_frequencies_sum_to_one() -> None:
    assert set(drawn(figures.mitotic, 300).kind) == set(figures.MITOTIC)
    assert set(drawn(figures.look_alike, 300).kind) == set(figures.LOOK_ALIKES)
    assert sum(figures.MITOTIC.values()) == pytest.approx(1)
    assert sum(look.frequency for look in figures.LOOK_ALIKES.values()) == pytest.approx(1)


def test_anaphase_has_two_plates_and_metaphase_one() -> None:
    import cv2

    cells = drawn(figures.mitotic, 300)

    def plates(kind: str) -> float:
        masks = (cells.chromatin[cells.kind == kind] > 0.35).astype(np.uint8)
        areas = [cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA] for mask in masks]
        return float(np.median([(area > 15).sum() for area in areas]))

    assert (plates("metaphase"), plates("anaphase"), plates("telophase")) == (1, 2, 2)


def test_darkness_does_not_tell_the_classes_apart() -> None:
    darkest = [
        np.quantile(drawn(draw, 400).chromatin, 0.999, axis=(1, 2)) for draw in (figures.mitotic, figures.look_alike)
    ]
    assert abs(darkest[0].mean() - darkest[1].mean()) < darkest[0].std()
