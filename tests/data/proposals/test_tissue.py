"""Where tissue is on a small picture."""

import numpy as np

from mitofm.data.proposals.tissue import choose_step, find_tissue, is_stained, shrink

GLASS, PINK = 240, (225, 160, 190)


def test_stained_pixels_are_tissue_gaps_are_closed_and_dust_is_not() -> None:
    small = np.full((60, 80, 3), GLASS, np.uint8)
    small[10:40, 10:50] = PINK
    small[20:22, 20:23] = GLASS  # a lumen
    small[50:52, 70:72] = PINK  # dust
    mask = find_tissue(small, 8.0)
    assert mask[10:40, 10:50].all()
    assert mask.sum() == 30 * 40
    assert is_stained(small).sum() == 30 * 40 - 6 + 4


def test_tissue_up_to_the_border_stays_there() -> None:
    small = np.full((40, 40, 3), GLASS, np.uint8)
    small[:, :25] = PINK
    assert find_tissue(small, 8.0)[:, :25].all()
    assert find_tissue(small, 8.0).sum() == 25 * 40


def test_glass_is_no_tissue() -> None:
    assert not find_tissue(np.full((30, 30, 3), GLASS, np.uint8), 8.0).any()


def test_the_small_picture_has_means_and_covers_the_borders() -> None:
    pixels = np.zeros((70, 100, 3), np.uint8)
    pixels[:32, :16] = 100
    small = shrink(pixels, 32)
    assert small.shape == (3, 4, 3)
    assert (small[0, 0] == 50).all()
    assert choose_step(0.25) == 32
    assert choose_step(0.5) == 16
