"""Of a TIFF with several pages the largest in RGB is the image, and what is not understood is refused for its own reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from mitofm.data.images.open import open_image
from mitofm.ground.errors import MitofmError

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
RGB: dict[str, Any] = {"photometric": "rgb", "metadata": None}


def pages(path: Path, *written: tuple[np.ndarray, dict[str, Any]]) -> Path:
    with tifffile.TiffWriter(path) as file:
        for pixels, options in written:
            file.write(np.ascontiguousarray(pixels), **{**RGB, **options})
    return path


@pytest.mark.parametrize(
    ("others", "note"),
    [
        ([], ""),
        ([(PIXELS[::2, ::2], {"subfiletype": 1}), (PIXELS[::4, ::4], {"subfiletype": 1})], ""),
        ([(PIXELS[::2, ::2], {}), (PIXELS[::5, ::5], {})], ""),  # not marked as levels, but they are
        ([(PIXELS[:7, :20], {"subfiletype": 1}), (PIXELS[:40, :9], {"subfiletype": 9})], ""),  # Aperio's label and macro
        ([(PIXELS[..., 0] > 99, {"photometric": "minisblack", "subfiletype": 4})], ""),  # a mask
        ([(PIXELS[:10, :30], {})], "holds 2 images (pages): the largest in RGB is read, 64 x 48 px, not 30 x 10"),
        ([(PIXELS[..., 0], {"photometric": "minisblack"})], "64 x 48 px, not 64 x 48"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_the_largest_page_is_read_and_said_if_the_others_are_no_copies_of_it(
    tmp_path: Path, others: list[tuple[np.ndarray, dict[str, Any]]], note: str, first: bool
) -> None:
    whole: list[tuple[np.ndarray, dict[str, Any]]] = [(PIXELS, {})]
    path = pages(tmp_path / "a.tif", *(whole + others if first else others + whole))
    with open_image(path) as image:
        np.testing.assert_array_equal(image.tile(0, 0), PIXELS)
        marked = all(options.get("subfiletype") for _, options in others)
        assert bool(image.notes) == (bool(note) or not (first or marked)), (
            "a thumbnail that comes first is worth a word"
        )
        assert note in "".join(image.notes)


def test_a_larger_image_in_a_subifd_is_the_image(tmp_path: Path) -> None:
    small = {"subifds": 1, "subfiletype": 1}
    path = pages(tmp_path / "a.tif", (PIXELS[::2, ::2], small), (PIXELS, {"subfiletype": 0}))
    with open_image(path) as image:
        np.testing.assert_array_equal(image.tile(0, 0), PIXELS)


def test_levels_in_subifds_are_no_images(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.ome.tif", (PIXELS, {"subifds": 2}), (PIXELS[::2, ::2], {}), (PIXELS[::4, ::4], {}))
    with open_image(path) as image:
        assert (image.width, image.height, image.notes) == (64, 48, ())


@pytest.mark.parametrize(
    "options",
    [{"metadata": None}, {"metadata": {"axes": "ZYXS"}, "ome": True}, {"imagej": True}, {"volumetric": True}],
    ids=str,
)
def test_a_stack_is_refused_with_the_way_out(tmp_path: Path, options: dict[str, Any]) -> None:
    stack = np.stack([PIXELS, PIXELS[::-1], PIXELS[:, ::-1]])
    if options.pop("volumetric", False):
        options.update(tile=(1, 16, 16), volumetric=True)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb", **options)
    with pytest.raises(MitofmError, match=r"a\.tif: this TIFF is a stack of 3 images of 64 x 48 px.*Save each crop as"):
        open_image(tmp_path / "a.tif")


def test_a_stack_that_imagej_wrote_into_one_page_is_one(tmp_path: Path) -> None:
    pages(tmp_path / "a.tif", (PIXELS, {"description": "ImageJ=1.54f\nimages=5\nslices=5\nunit=micron\n"}))
    with pytest.raises(MitofmError, match="a stack of 5 images"):
        open_image(tmp_path / "a.tif")


def test_an_image_beside_its_pages_of_another_size_is_none(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", (PIXELS[:9, :9], {}), (PIXELS[:9, :9], {}), (PIXELS, {}))
    with open_image(path) as image:
        assert (image.width, image.height) == (64, 48)
        assert "holds 3 images" in image.notes[0]


@pytest.mark.parametrize(
    ("pixels", "options", "says"),
    [
        (PIXELS[..., 0], {"photometric": "minisblack"}, "not RGB.*MINISBLACK.*without colour"),
        (PIXELS[..., 0], {"photometric": "miniswhite"}, "not RGB.*MINISWHITE.*without colour"),
        (PIXELS, {"photometric": "minisblack", "planarconfig": "contig"}, "says grey.*tiffset -s 262 2"),
        (np.dstack([PIXELS, PIXELS[..., :1]]), {"photometric": "separated"}, "SEPARATED.*CMYK"),
        (PIXELS, {"photometric": "cielab"}, "CIELAB.*save it as RGB"),
        (PIXELS.astype(np.uint16), {}, "uint16 pixels; convert it to 8 bit"),
        (PIXELS.astype(np.int8), {}, "int8 pixels"),
        (PIXELS.astype(np.float32), {}, "float32 pixels"),
        (np.dstack([PIXELS, PIXELS]), {"extrasamples": [0, 0, 0]}, "6 channels"),
    ],
)  # fmt: skip
def test_pixels_that_are_no_8_bit_rgb_are_refused_when_the_image_is_opened(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, Any], says: str
) -> None:
    pages(tmp_path / "a.tif", (pixels, options))
    with pytest.raises(MitofmError, match=rf"a\.tif: this image .*{says}") as refused:
        open_image(tmp_path / "a.tif")
    assert "cut short" not in str(refused.value)


def test_channels_in_pages_of_their_own_are_told_apart_from_grey(tmp_path: Path) -> None:
    channels = np.moveaxis(PIXELS, -1, 0)
    tifffile.imwrite(tmp_path / "a.ome.tif", channels, photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(MitofmError, match=r"not RGB.*merge them into one RGB image"):
        open_image(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    ("tag", "value", "says"),
    [
        (259, 34676, r"compressed with SGILOG \(34676\).*not read\. Save it with JPEG"),
        (259, 64999, r"compressed with 64999.*not read"),
        (259, 33003, r"YCbCr, compressed with APERIO_JP2000_YCBC"),
        (262, 6, r"YCbCr, compressed with NONE.*as if they were RGB"),
    ],
)
def test_what_no_decoder_understands_is_refused_by_name(tmp_path: Path, tag: int, value: int, says: str) -> None:
    pages(tmp_path / "a.tif", (PIXELS, {}))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages.first.tags[tag].overwrite(value)
    with pytest.raises(MitofmError, match=says) as refused:
        open_image(tmp_path / "a.tif")
    assert "cut short" not in str(refused.value)
