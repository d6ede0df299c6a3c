from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.images.base import Image
from mitofm.data.images.squares import resized, squares

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


class Grid(Image):
    """An array as an image of tiles; those at its edges are padded with black, as in a TIFF."""

    mpp = None

    def __init__(self, pixels: np.ndarray, tile_height: int, tile_width: int) -> None:
        self.path = Path("grid")
        self.height, self.width = pixels.shape[:2]
        self.tile_height, self.tile_width = tile_height, tile_width
        self._padded = np.pad(pixels, ((0, tile_height), (0, tile_width), (0, 0)))

    def tile(self, row: int, column: int) -> np.ndarray:
        top, left = row * self.tile_height, column * self.tile_width
        return self._padded[top : top + self.tile_height, left : left + self.tile_width]

    def close(self) -> None: ...


@settings(max_examples=150, deadline=None)
@given(
    centres=st.lists(st.tuples(st.integers(0, 49), st.integers(0, 39)), min_size=1, max_size=4),
    side=st.integers(1, 90),
    tile_height=st.integers(1, 45),
    tile_width=st.integers(3, 55),
)
def test_a_square_is_that_of_the_image_reflected_at_its_borders_however_it_is_tiled(
    centres: list[tuple[int, int]], side: int, tile_height: int, tile_width: int
) -> None:
    wide = np.pad(PIXELS, ((120, 120), (120, 120), (0, 0)), mode="reflect")
    found = squares(Grid(PIXELS, tile_height, tile_width), np.array(centres), side)
    for (x, y), square in zip(centres, found, strict=True):
        top, left = 120 + y - side // 2, 120 + x - side // 2
        np.testing.assert_array_equal(square, wide[top : top + side, left : left + side])


def test_a_fraction_of_a_pixel_belongs_to_the_pixel_it_lies_in() -> None:
    exact, shifted = squares(Grid(PIXELS, 16, 16), np.array([[20.0, 15.0], [20.9, 15.5]]), 8)
    np.testing.assert_array_equal(exact, shifted)


def test_an_image_of_one_pixel_reflects_into_itself() -> None:
    (square,) = squares(Grid(PIXELS[:1, :1], 1, 1), np.array([[0, 0]]), 5)
    assert (square == PIXELS[0, 0]).all()


@pytest.mark.parametrize(("side", "target"), [(32, 16), (16, 32)])
def test_resampling_keeps_the_place_and_the_colour(side: int, target: int) -> None:
    patch = np.full((1, side, side, 3), 230, np.uint8)
    patch[:, side * 3 // 8 : side * 5 // 8, side * 3 // 8 : side * 5 // 8] = 30
    (scaled,) = resized(patch, target)
    assert scaled.shape == (target, target, 3)
    middle = target // 2
    assert (scaled[middle - 1 : middle + 1, middle - 1 : middle + 1] < 60).all()
    assert (scaled[: target // 4] > 220).all()
    assert (
        scaled.astype(int).sum(axis=2)[middle - target // 8].tolist()
        == scaled.astype(int).sum(axis=2)[:, middle - target // 8].tolist()
    )
