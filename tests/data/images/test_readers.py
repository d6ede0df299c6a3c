from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mitofm.data.images.open import files_of, open_image
from mitofm.data.images.squares import cut_squares
from mitofm.ground.errors import MitofmError

from .regions import field, jpeg_tiff, svs

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    Image.fromarray(pixels).convert(mode).save(path) if mode else Image.fromarray(pixels).save(path)
    return path


def read(path: Path) -> np.ndarray:
    """All pixels, put together from the tiles."""
    with open_image(path) as image:
        rows = range(-(-image.height // image.tile_height))
        columns = range(-(-image.width // image.tile_width))
        tiles = [[image.tile(row, column) for column in columns] for row in rows]
        whole = np.concatenate(
            [np.concatenate([t[: image.tile_height, : image.tile_width] for t in row], axis=1) for row in tiles]
        )
        return whole[: image.height, : image.width]


def test_png_is_read_as_it_is(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(saved(tmp_path / "a.PNG", PIXELS)), PIXELS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "lzw", "tile": (32, 16), "predictor": True},
        {"compression": "jpeg2000", "tile": (32, 32)},
        {"rowsperstrip": 7},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (16, 16)},
        {"metadata": None},
        {"bigtiff": True, "byteorder": ">"},
    ],
    ids=str,
)
def test_tiff_is_read_as_it_is(tmp_path: Path, options: dict[str, object]) -> None:
    given_pixels = np.moveaxis(PIXELS, -1, 0) if "planarconfig" in options else PIXELS
    tifffile.imwrite(tmp_path / "a.tif", given_pixels, photometric="rgb", **options)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), PIXELS)


@pytest.mark.parametrize("subsampling", [None, (2, 2)])
def test_jpeg_in_tiff_has_the_colours_of_the_image(tmp_path: Path, subsampling: tuple[int, int] | None) -> None:
    pixels = field(300, 400)
    options = {"compressionargs": {"level": 95}, "subsampling": subsampling}
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(128, 128), compression="jpeg", **options)
    assert np.abs(read(tmp_path / "a.tif").astype(int) - pixels).mean() < 2


def test_of_a_pyramid_level_0_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tiff") as tiff:
        tiff.write(PIXELS, photometric="rgb", subifds=1)
        tiff.write(PIXELS[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read(tmp_path / "a.tiff"), PIXELS)


def test_a_slide_is_read_at_level_0_with_its_resolution(tmp_path: Path) -> None:
    pixels = field(700, 900)
    svs(tmp_path / "a.svs", pixels, mpp=0.2520)
    with open_image(tmp_path / "a.svs") as slide:
        assert (slide.width, slide.height, slide.tile_width) == (900, 700, 240)
        assert slide.mpp == pytest.approx(0.252)
    assert np.abs(read(tmp_path / "a.svs").astype(int) - pixels).mean() < 2


@pytest.mark.parametrize("mpp", [0.25, 0.4962])
def test_the_resolution_of_a_tiff_is_in_its_tags(tmp_path: Path, mpp: float) -> None:
    jpeg_tiff(tmp_path / "a.tif", field(256, 256), mpp)
    with open_image(tmp_path / "a.tif") as image:
        assert image.mpp == pytest.approx(mpp, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"resolution": (72, 72), "resolutionunit": "INCH"}])
def test_a_density_for_printing_is_no_resolution(tmp_path: Path, options: dict[str, object]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", **options)
    with open_image(tmp_path / "a.tif") as image:
        assert image.mpp is None


def test_only_the_tiles_that_squares_touch_are_decoded_and_each_once(tmp_path: Path) -> None:
    jpeg_tiff(tmp_path / "a.tif", field(1024, 1024))
    with open_image(tmp_path / "a.tif") as image:
        decoded: list[tuple[int, int]] = []
        tile = image.tile
        image.tile = lambda row, column: decoded.append((row, column)) or tile(row, column)  # type: ignore[method-assign, func-returns-value]
        cut_squares(image, np.array([[250, 128], [260, 100], [900, 900], [128, 128]]), 64)
    assert decoded == [(0, 0), (0, 1), (3, 3)]


def test_jpeg_and_palette_are_read(tmp_path: Path) -> None:
    smooth = np.full((32, 32, 3), (200, 120, 180), np.uint8)
    assert np.abs(read(saved(tmp_path / "a.jpg", smooth)).astype(int) - smooth).max() <= 3
    np.testing.assert_array_equal(read(saved(tmp_path / "p.png", smooth, "P")).shape, smooth.shape)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_an_opaque_alpha_channel_is_dropped_and_another_refused(tmp_path: Path, kind: str) -> None:
    def written(name: str, alpha: np.ndarray) -> Path:
        pixels = np.concatenate([PIXELS, alpha], axis=2)
        if kind == "png":
            return saved(tmp_path / f"{name}.png", pixels)
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
        return tmp_path / f"{name}.tif"

    alpha = np.full((40, 50, 1), 255, np.uint8)
    np.testing.assert_array_equal(read(written("a", alpha)), PIXELS)
    alpha[3, 4] = 100
    with pytest.raises(MitofmError, match=rf"b\.{kind}.*transparent"):
        read(written("b", alpha))


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


@pytest.mark.parametrize("name", ["cut.png", "cut.tif", "tiled.tif", "cut.jpg", "cut.svs"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.98])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str, kept: float) -> None:
    if name == "cut.tif":
        tifffile.imwrite(tmp_path / name, PIXELS, photometric="rgb", compression="zlib")
    elif name == "tiled.tif":
        jpeg_tiff(tmp_path / name, field(300, 300))
    elif name == "cut.svs":
        svs(tmp_path / name, field(300, 300), 0.25)
    else:
        saved(tmp_path / name, PIXELS)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(MitofmError, match=f"{name}: this image cannot be read"):
        read(tmp_path / name)


def test_a_missing_file_and_another_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"none\.png: this image does not exist"):
        open_image(tmp_path / "none.png")
    with pytest.raises(MitofmError, match=r"a\.xyz: images are read from \.png"):
        open_image(tmp_path / "a.xyz")


def test_a_mirax_slide_is_more_than_its_file(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "Data0000.dat").touch()
    assert files_of(tmp_path / "s.mrxs") == [tmp_path / "s.mrxs", tmp_path / "s" / "Data0000.dat"]
    assert files_of(tmp_path / "s.svs") == [tmp_path / "s.svs"]
