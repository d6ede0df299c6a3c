from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mitofm.data.images import around, centre, read
from mitofm.errors import MitofmError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    Image.fromarray(pixels).convert(mode).save(path) if mode else Image.fromarray(pixels).save(path)
    return path


def test_png_is_read_as_it_is(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(saved(tmp_path / "a.PNG", PIXELS)), PIXELS)


@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}, {"planarconfig": "separate"}, {"metadata": None}]
)
def test_tiff_is_read_as_it_is(tmp_path: Path, options: dict[str, object]) -> None:
    given_pixels = np.moveaxis(PIXELS, -1, 0) if "planarconfig" in options else PIXELS
    tifffile.imwrite(tmp_path / "a.tif", given_pixels, photometric="rgb", **options)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), PIXELS)


def test_of_a_pyramid_level_0_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tiff") as tiff:
        tiff.write(PIXELS, photometric="rgb", subifds=1)
        tiff.write(PIXELS[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read(tmp_path / "a.tiff"), PIXELS)


def test_jpeg_and_palette_are_read(tmp_path: Path) -> None:
    smooth = np.full((32, 32, 3), (200, 120, 180), np.uint8)
    assert np.abs(read(saved(tmp_path / "a.jpg", smooth)).astype(int) - smooth).max() <= 3
    np.testing.assert_array_equal(read(saved(tmp_path / "p.png", smooth, "P")).shape, smooth.shape)


def test_an_opaque_alpha_channel_is_dropped_and_another_refused(tmp_path: Path) -> None:
    alpha = np.full((40, 50, 1), 255, np.uint8)
    path = saved(tmp_path / "a.png", np.concatenate([PIXELS, alpha], axis=2))
    np.testing.assert_array_equal(read(path), PIXELS)
    alpha[3, 4] = 100
    with pytest.raises(MitofmError, match=r"b\.png.*transparent"):
        read(saved(tmp_path / "b.png", np.concatenate([PIXELS, alpha], axis=2)))


def test_what_is_not_8_bit_rgb_is_refused_with_its_name(tmp_path: Path) -> None:
    deep = PIXELS.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    tifffile.imwrite(tmp_path / "grey.tif", PIXELS[..., 0], photometric="minisblack")
    saved(tmp_path / "grey.png", PIXELS[..., 0])
    for name, reason in {
        "deep.png": "16 bits",
        "deep.tif": "uint16",
        "grey.tif": "not RGB",
        "grey.png": "not 8-bit RGB",
    }.items():
        with pytest.raises(MitofmError, match=f"{name}: .*{reason}"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["cut.png", "cut.tif", "cut.jpg"])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str) -> None:
    if name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, PIXELS, photometric="rgb", compression="zlib")
    else:
        saved(tmp_path / name, PIXELS)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MitofmError, match=f"{name}: this image cannot be read"):
        read(tmp_path / name)


def test_a_missing_file_and_another_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"none\.png: this image does not exist"):
        read(tmp_path / "none.png")
    with pytest.raises(MitofmError, match=r"a\.bmp: images are read from \.tif"):
        read(tmp_path / "a.bmp")


@settings(max_examples=50, deadline=None)
@given(x=st.integers(0, 49), y=st.integers(0, 39), side=st.integers(1, 60))
def test_a_square_is_that_of_the_image_reflected_at_its_borders(x: int, y: int, side: int) -> None:
    wide = np.pad(PIXELS, ((80, 80), (80, 80), (0, 0)), mode="reflect")
    top, left = 80 + y - side // 2, 80 + x - side // 2
    (square,) = around(PIXELS, np.array([[x, y]]), side, side)
    np.testing.assert_array_equal(square, wide[top : top + side, left : left + side])


def test_a_fraction_of_a_pixel_belongs_to_the_pixel_it_lies_in() -> None:
    exact, shifted = around(PIXELS, np.array([[20.0, 15.0], [20.9, 15.5]]), 8, 8)
    np.testing.assert_array_equal(exact, shifted)


def test_an_image_of_one_pixel_reflects_into_itself() -> None:
    (square,) = around(PIXELS[:1, :1], np.array([[0, 0]]), 5, 5)
    assert (square == PIXELS[0, 0]).all()


def test_resampling_keeps_the_place_and_the_colour() -> None:
    image = np.full((64, 64, 3), 230, np.uint8)
    image[28:36, 28:36] = 30
    (half,) = around(image, np.array([[32, 32]]), 32, 16)
    assert half.shape == (16, 16, 3)
    assert (half[6:10, 6:10] == 30).all()
    assert (half[:6] == 230).all()


def test_a_crop_is_read_at_its_centre(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", PIXELS)
    np.testing.assert_array_equal(centre(path, 10, 10), PIXELS[15:25, 20:30])
    np.testing.assert_array_equal(centre(path, 40, 40), PIXELS[:, 5:45])


def test_a_crop_too_small_is_named_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"a\.png: this crop is 50 x 40 px, but 41 x 41 px are needed"):
        centre(saved(tmp_path / "a.png", PIXELS), 41, 41)
