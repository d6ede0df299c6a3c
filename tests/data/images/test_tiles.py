"""What of a tile is the image: alpha beyond it does not count, a tile that was never written is background."""

from __future__ import annotations

import struct
from collections.abc import Container
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mitofm.data.images.open import open_image
from mitofm.data.images.slide import Slide
from mitofm.ground.errors import MitofmError

from .regions import field
from .test_readers import read

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
OPAQUE = np.full((40, 50, 1), 255, np.uint8)
TILED: dict[str, Any] = {"photometric": "rgb", "tile": (16, 16), "metadata": None}


@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize(
    "options", [{"tile": (16, 16)}, {"rowsperstrip": 7}, {"compression": "zlib", "tile": (32, 16)}]
)
@pytest.mark.parametrize("in_planes", [False, True])
def test_alpha_counts_where_the_image_is(tmp_path: Path, extra: str, options: dict[str, Any], in_planes: bool) -> None:
    def written(name: str, alpha: np.ndarray) -> Path:
        pixels = np.concatenate([PIXELS, alpha], axis=2)  # tifffile pads tiles with 0
        if in_planes:
            pixels, options["planarconfig"] = np.moveaxis(pixels, -1, 0), "separate"
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb", extrasamples=[extra], **options)
        return tmp_path / name

    np.testing.assert_array_equal(read(written("a.tif", OPAQUE)), PIXELS)
    clear = OPAQUE.copy()
    clear[39, 49] = 254
    with pytest.raises(MitofmError, match=r"b\.tif: this image is partly transparent"):
        read(written("b.tif", clear))


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_a_picture_with_opaque_alpha_is_rgb(tmp_path: Path, name: str) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    Image.fromarray(np.concatenate([PIXELS, OPAQUE], axis=2)).save(tmp_path / name, **options)
    np.testing.assert_array_equal(read(tmp_path / name), PIXELS)
    Image.fromarray(np.concatenate([PIXELS, OPAQUE // 2], axis=2)).save(tmp_path / name, **options)
    with pytest.raises(MitofmError, match="partly transparent"):
        read(tmp_path / name)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_colour_that_means_transparent_counts_if_it_occurs(tmp_path: Path, mode: str) -> None:
    flat = Image.fromarray(np.full((8, 8, 3), (10, 20, 30), np.uint8)).convert(mode)
    seen, unseen = ((10, 20, 30), (1, 2, 3)) if mode == "RGB" else (flat.getpixel((0, 0)), 255)
    flat.save(tmp_path / "a.png", transparency=unseen)
    assert read(tmp_path / "a.png").shape == (8, 8, 3)
    flat.save(tmp_path / "a.png", transparency=seen)
    with pytest.raises(MitofmError, match="partly transparent"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(("mode", "says"), [("LA", "grey"), ("1", "grey"), ("CMYK", "CMYK is made for printing")])
def test_a_picture_of_other_colours_is_refused_for_its_own_reason(tmp_path: Path, mode: str, says: str) -> None:
    Image.fromarray(PIXELS).convert(mode).save(path := tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"))
    with pytest.raises(MitofmError, match=rf"not 8-bit RGB \(mode {mode}\); .*{says}"):
        open_image(path)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])]
    for name in ("a.png", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(MitofmError, match="an animation of 2 images"):
            open_image(tmp_path / name)


def sparse(path: Path, missing: Container[int], **options: Any) -> np.ndarray:
    """A TIFF of tiles or strips of 16 rows, those that are `missing` having 0 bytes at place 0; the pixels it has."""
    options = {"tile": (16, 16)} | options
    tifffile.imwrite(path, PIXELS, photometric="rgb", **options)
    expected, side = PIXELS.copy(), 16 if options["tile"] else 50
    with tifffile.TiffFile(path, mode="r+b") as file:
        places, lengths = (file.pages.first.tags[tag] for tag in ((324, 325) if options["tile"] else (273, 279)))
        n, across = len(lengths.value), -(-50 // side)
        for tag in (places, lengths):
            tag.overwrite([0 if i in missing else value for i, value in enumerate(tag.value)])
    for i in range(n):
        if i in missing:
            expected[i // across * 16 :, i % across * side :][:16, :side] = 255
    return expected


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"bigtiff": True}, {"tile": None, "rowsperstrip": 16}]
)
@pytest.mark.parametrize("missing", [(0,), (1, 2)])
def test_a_tile_that_was_never_written_is_white(
    tmp_path: Path, options: dict[str, object], missing: tuple[int, ...]
) -> None:
    expected = sparse(tmp_path / "a.tif", missing, **options)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


def test_a_tile_that_was_never_scanned_is_white_in_a_slide_too(tmp_path: Path) -> None:
    said = {"description": "Aperio Image Library v1\n50x40|MPP = 0.25", "metadata": None}
    expected = sparse(tmp_path / "a.svs", (1, 4), compression="zlib", **said)
    np.testing.assert_array_equal(read(tmp_path / "a.svs"), expected)


def test_a_slide_whose_tiles_would_fill_the_memory_is_refused_where_openslide_would_end_the_process(
    tmp_path: Path,
) -> None:
    tifffile.imwrite(tmp_path / "a.svs", field(64, 64), photometric="rgb", tile=(64, 64), compression="jpeg")
    with tifffile.TiffFile(tmp_path / "a.svs", mode="r+b") as file:
        for tag in (322, 323):
            file.pages.first.tags[tag].overwrite(65520)
    with pytest.raises(MitofmError, match=r"a\.svs: 65520 x 65520 px would have to be decoded at once"):
        open_image(tmp_path / "a.svs")


@pytest.mark.parametrize(("offset", "length"), [(0, 768), (10**9, 0), (0, 0), (8, 0)])
def test_a_place_without_bytes_and_bytes_without_a_place_are_none(tmp_path: Path, offset: int, length: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **TILED)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        tags = file.pages.first.tags
        tags[324].overwrite([*tags[324].value[:5], offset, *tags[324].value[6:]])
        tags[325].overwrite([*tags[325].value[:5], length, *tags[325].value[6:]])
    expected = PIXELS.copy()
    expected[16:32, 16:32] = 255
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


def test_tiles_that_are_not_even_listed_are_background_as_for_libtiff_and_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **TILED)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        for tag in (324, 325):
            file.pages.first.tags[tag].overwrite(file.pages.first.tags[tag].value[:8])
    expected = PIXELS.copy()
    expected[32:] = 255
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)
    with open_image(tmp_path / "a.tif") as image:
        assert image.notes == ("lists 8 tiles or strips, but has 12: those that are not listed are background",)


def test_the_background_is_the_colour_that_the_file_states(tmp_path: Path) -> None:
    stated = (42113, "s", 0, "240", False)  # GDAL_NODATA
    sparse(tmp_path / "a.tif", [0], extratags=[stated])
    assert (read(tmp_path / "a.tif")[:16, :16] == 240).all()


def test_planes_of_which_one_is_missing_are_no_background(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(PIXELS, -1, 0), planarconfig="separate", **TILED)

    def empty(tiles: tuple[int, ...]) -> None:
        with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
            tag = file.pages.first.tags[325]
            tag.overwrite([0 if i in tiles else n for i, n in enumerate(tag.value)])

    empty((0, 12, 24))  # the first of each plane
    expected = PIXELS.copy()
    expected[:16, :16] = 255
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)
    empty((0, 1, 12, 24))
    with pytest.raises(MitofmError, match=r"tile 0, 1: only some of its colours have bytes.*damaged"):
        read(tmp_path / "a.tif")


def test_an_image_without_any_pixels_is_refused(tmp_path: Path) -> None:
    sparse(tmp_path / "a.tif", range(99))
    with pytest.raises(MitofmError, match=r"a\.tif: this TIFF holds no pixels"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.svs"])
def test_data_that_a_header_puts_beyond_the_end_are_missing(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / name, PIXELS, **TILED)
    with tifffile.TiffFile(tmp_path / name, mode="r+b") as file:
        places = file.pages.first.tags[324]
        places.overwrite([*places.value[:-1], 10**9])
    with pytest.raises(
        MitofmError, match=r"it should have 1000000768 bytes, but has \d+\)\. Fetch it again: it is cut short"
    ):
        open_image(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.tif", {"compression": "zlib"}), ("a.svs", {"compression": "jpeg"}), ("a.png", {})],
)
def test_an_image_that_is_all_there_but_damaged_is_not_called_cut_short(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    if "compression" in options:
        tifffile.imwrite(tmp_path / name, field(64, 64), photometric="rgb", tile=(64, 64), metadata=None, **options)
        with tifffile.TiffFile(tmp_path / name) as file:
            at = file.pages.first.dataoffsets[0]
    else:
        Image.fromarray(PIXELS).save(tmp_path / name)
        at = 33  # of the first chunk of pixels
    content = bytearray((tmp_path / name).read_bytes())
    content[at + 8 : at + 40] = bytes(32)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MitofmError, match=rf"{name}: this image cannot be read .*not cut short, but damaged"):
        read(tmp_path / name)


@pytest.mark.parametrize("where", ["directory", "fields", "next"])
def test_a_directory_beyond_the_end_is_missing(tmp_path: Path, where: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **TILED)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, at)
    if where == "directory":
        struct.pack_into("<I", content, 4, 10**6)
    elif where == "next":
        struct.pack_into("<I", content, at + 2 + 12 * entries, 10**6)
    else:
        tags = [struct.unpack_from("<H", content, at + 2 + 12 * i)[0] for i in range(entries)]
        struct.pack_into("<I", content, at + 2 + 12 * tags.index(324) + 8, 10**6)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(MitofmError, match=r"a\.tif: this image cannot be read .*cut short"):
        open_image(tmp_path / "a.tif")


def test_an_aperio_tiff_in_ycbcr_jpeg_2000_has_its_colours_under_either_name(tmp_path: Path) -> None:
    pixels = field(128, 128)
    ycbcr = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    coded = imagecodecs.jpeg2k_encode(np.ascontiguousarray(ycbcr), level=0, mct=False, codecformat="j2k")
    options = {"compression": 33003, "tile": (128, 128), "description": "Aperio Image Library v1\n128x128|MPP = 0.25"}
    for name in ("a.svs", "a.tif"):
        tifffile.imwrite(
            tmp_path / name,
            iter([coded]),
            shape=pixels.shape,
            dtype=np.uint8,
            photometric="rgb",
            metadata=None,
            **options,
        )
        with open_image(tmp_path / name) as image:
            assert isinstance(image, Slide)
            assert image.mpp == 0.25
            assert np.abs(image.tile(0, 0).astype(int) - pixels).mean() < 2


def test_a_slide_that_openslide_does_not_know_may_be_a_plain_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.svs", PIXELS, photometric="rgb", rowsperstrip=8)
    with pytest.raises(
        MitofmError, match=r"no slide that OpenSlide knows\. If it is a plain TIFF, rename it to a\.tif"
    ):
        open_image(tmp_path / "a.svs")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_an_image_that_asks_to_be_turned_is_read_as_stored_and_said(tmp_path: Path, name: str) -> None:
    for orientation in (6, 1):
        if name == "a.tif":
            tifffile.imwrite(tmp_path / name, PIXELS, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
        else:
            exif = Image.Exif()
            exif[0x0112] = orientation
            Image.fromarray(PIXELS).save(tmp_path / name, exif=exif)
        with open_image(tmp_path / name) as image:
            assert (image.width, image.height) == (50, 40)
            assert ("orientation 6" in "".join(image.notes)) == (orientation == 6)
