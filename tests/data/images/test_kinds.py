"""A file is what its ending says, or is refused before a decoder sees it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mitofm.data.images import open as opening
from mitofm.data.images.kinds import ENDINGS, UNREAD, tell_kind
from mitofm.data.images.open import open_image
from mitofm.ground.errors import MitofmError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def picture(kind: str) -> bytes:
    Image.fromarray(PIXELS).save(file := io.BytesIO(), kind)
    return file.getvalue()


def tiff(**options: object) -> bytes:
    tifffile.imwrite(file := io.BytesIO(), PIXELS, photometric="rgb", **options)
    return file.getvalue()


def archive() -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as packed:
        packed.writestr("a.svs", b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.tif", picture("PNG"), r"holds PNG, not TIFF as its ending says\. Rename it to a\.png"),
        ("a.png", picture("JPEG"), r"holds JPEG, not PNG.*Rename it to a\.jpg"),
        ("a.JPG", picture("PNG"), r"holds PNG, not JPEG.*a\.png"),
        ("a.png", tiff(), r"holds TIFF, not PNG.*a\.tif"),
        ("a.jpeg", tiff(bigtiff=True), r"holds TIFF, not JPEG"),
        ("a.png", tiff(byteorder=">"), r"holds TIFF"),
        ("a.svs", picture("JPEG"), r"holds JPEG, not TIFF"),
        ("a.dcm", picture("JPEG"), r"holds JPEG, not DICOM"),
        ("a.svs", b"%PDF-1.7\n%", r"holds a PDF, not TIFF.*Put the image itself here"),
        ("a.tif", b"\n<!DOCTYPE html><html>", r"holds a web page \(HTML\).*login page: fetch it again"),
        ("a.svs", b"<html lang=en>", r"a web page"),
        ("a.ndpi", archive(), r"holds a ZIP archive.*Unpack it"),
        ("a.tiff", b"\x1f\x8b\x08\x00aaaaaaaaaaa", r"gzip archive.*Unpack it"),
        ("a.tiff", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"Git LFS pointer.*git lfs pull"),
        ("a.png", '{"message": "nicht gefunden: Präparat"}'.encode(), r"holds text, not PNG"),
        ("a.png", picture("GIF"), r"holds GIF, not PNG.*Convert it"),
        ("a.tif", b"ZISRAWFILE" + bytes(30), r"holds Zeiss CZI.*Convert it to a tiled TIFF"),
        ("a.tif", bytes(600), r"begins with zeros.*Fetch it again"),
        ("a.tif", b"II", r"cannot be read \(it has 2 bytes\).*cut short"),
        ("a.tif", b"\x01\x02\xfe\xfa\x00\x00\x07", r"does not hold TIFF.*\(it begins with 01 02 fe fa"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_than_its_ending_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MitofmError, match=says) as refused:
        open_image(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name}: this ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "a.btf", "a.tf8", "a.ome.tif", "a.qptiff"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_tiff_has_many_endings(tmp_path: Path, name: str, bigtiff: bool) -> None:
    (tmp_path / name).write_bytes(tiff(bigtiff=bigtiff))
    with open_image(tmp_path / name) as image:
        np.testing.assert_array_equal(image.tile(0, 0), PIXELS)


@pytest.mark.parametrize(
    ("name", "kind", "options"), [("a.bmp", "BMP", {}), ("a.webp", "WEBP", {"lossless": True}), ("a.png", "PNG", {})]
)
def test_a_lossless_picture_is_read_as_it_is(tmp_path: Path, name: str, kind: str, options: dict[str, object]) -> None:
    Image.fromarray(PIXELS).save(tmp_path / name, kind, **options)
    with open_image(tmp_path / name) as image:
        np.testing.assert_array_equal(image.tile(0, 0), PIXELS)


@pytest.mark.parametrize("ending", [".czi", ".jp2", ".isyntax", ".gif"])
def test_a_format_that_is_not_read_is_refused_by_name(ending: str) -> None:
    with pytest.raises(MitofmError, match=rf"a\{ending}: {UNREAD[ending]} is not read\. Convert it to a tiled TIFF"):
        open_image(Path("a").with_suffix(ending))


def test_every_ending_that_is_read_has_a_kind_but_for_openslides_own_containers() -> None:
    known = {ending for endings in ENDINGS.values() for ending in endings}
    assert set(opening._READERS) - known == {".mrxs", ".vms", ".vmu"}
    assert known <= set(opening._READERS)


def test_text_is_told_from_bytes() -> None:
    assert tell_kind("x,y\n1,2\n".encode("utf-16")) == "text"
    assert tell_kind(("a" * 511 + "é").encode()[:512]) == "text", "a letter cut in two"
    assert tell_kind(b"\xe9\xe8\xff\x00") == ""
