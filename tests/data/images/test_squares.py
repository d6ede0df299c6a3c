from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.images.base import Image
from mitofm.data.images.squares import cut_squares, resize

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


def folded(i: int, length: int) -> int:
    """Where px `i` of a line lies if both ends of `length` px are mirrors, one step at a time."""
    while not 0 <= i < length:
        i = -i if i < 0 else 2 * (length - 1) - i
    return i


@settings(max_examples=150)
@given(
    height=st.integers(2, 40),
    width=st.integers(2, 50),
    centres=st.lists(st.tuples(st.integers(-300, 350), st.integers(-300, 350)), min_size=1, max_size=4),
    side=st.integers(1, 90),
    tile_height=st.integers(1, 45),
    tile_width=st.integers(3, 55),
)
def test_a_square_is_that_of_the_image_reflected_as_often_as_it_takes_however_it_is_tiled(
    height: int, width: int, centres: list[tuple[int, int]], side: int, tile_height: int, tile_width: int
) -> None:
    pixels = PIXELS[:height, :width]
    found = cut_squares(Grid(pixels, tile_height, tile_width), np.array(centres), side)
    for (x, y), square in zip(centres, found, strict=True):
        rows, columns = (
            [folded(at - side // 2 + i, length) for i in range(side)]
            for at, length in ((y, len(pixels)), (x, pixels.shape[1]))
        )
        np.testing.assert_array_equal(square, pixels[np.ix_(rows, columns)])


@pytest.mark.parametrize("centre", [(0, 0), (49, 39), (-30, 20), (60, 70), (25, 20)])
def test_the_reflection_is_that_of_numpy(centre: tuple[int, int]) -> None:
    wide = np.pad(PIXELS, ((120, 120), (120, 120), (0, 0)), mode="reflect")
    (square,) = cut_squares(Grid(PIXELS, 16, 16), np.array([centre]), 64)
    top, left = 120 + centre[1] - 32, 120 + centre[0] - 32
    np.testing.assert_array_equal(square, wide[top : top + 64, left : left + 64])


def test_a_fraction_of_a_pixel_belongs_to_the_pixel_it_lies_in() -> None:
    exact, shifted = cut_squares(Grid(PIXELS, 16, 16), np.array([[20.0, 15.0], [20.9, 15.5]]), 8)
    np.testing.assert_array_equal(exact, shifted)


@pytest.mark.parametrize("centre", [(0, 0), (-7, 12)])
def test_an_image_of_one_pixel_reflects_into_itself(centre: tuple[int, int]) -> None:
    (square,) = cut_squares(Grid(PIXELS[:1, :1], 1, 1), np.array([centre]), 5)
    assert (square == PIXELS[0, 0]).all()


@pytest.mark.parametrize(("side", "target"), [(32, 16), (16, 32)])
def test_resampling_keeps_the_place_and_the_colour(side: int, target: int) -> None:
    patch = np.full((1, side, side, 3), 230, np.uint8)
    patch[:, side * 3 // 8 : side * 5 // 8, side * 3 // 8 : side * 5 // 8] = 30
    (scaled,) = resize(patch, target)
    assert scaled.shape == (target, target, 3)
    middle = target // 2
    assert (scaled[middle - 1 : middle + 1, middle - 1 : middle + 1] < 60).all()
    assert (scaled[: target // 4] > 220).all()
    assert (
        scaled.astype(int).sum(axis=2)[middle - target // 8].tolist()
        == scaled.astype(int).sum(axis=2)[:, middle - target // 8].tolist()
    )
