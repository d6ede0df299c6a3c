"""Micrometres per pixel as Aperio, OME, ImageJ, Philips, resolution tags and OpenSlide say them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from mitofm.data.images import resolution
from mitofm.data.images.open import open_image
from mitofm.ground.errors import MitofmError

from .regions import field, svs

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
APERIO = "Aperio Image Library v11.2.1 \r\n"


def mpp(path: Path, description: str | None = None, **options: Any) -> float | None:
    """Of a TIFF written with `options`."""
    options = {"photometric": "rgb", "metadata": None} | options
    tifffile.imwrite(path, PIXELS, description=description, **options)
    with open_image(path) as image:
        return image.mpp


def ome(size: str, namespace: str = "http://www.openmicroscopy.org/Schemas/OME/2016-06", prefix: str = "") -> str:
    colon, binding = (f"{prefix}:", f"xmlns:{prefix}") if prefix else ("", "xmlns")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{colon}OME {binding}="{namespace}"><{colon}Image ID="Image:0">'
        f'<{colon}Pixels ID="P:0" SizeX="9" SizeY="9" PhysicalSizeX="7"/></{colon}Image><{colon}Image ID="Image:1">'
        f'<{colon}Pixels ID="P:1" SizeX="50" SizeY="40" {size}/></{colon}Image></{colon}OME>'
    )


PHILIPS = (
    '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport"><Attribute Name="PIM_DP_SCANNED_IMAGES">'
    '<Array>{}</Array></Attribute></DataObject>'
)  # fmt: skip
SPACING = '<DataObject><Attribute Name="DICOM_PIXEL_SPACING">&quot;{}&quot; &quot;{}&quot;</Attribute></DataObject>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (APERIO + "50x40 [0,0 50x40] (240x240) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 25.7", 0.499),
        (APERIO + "50x40 (240x240) Q=30;Aperio Image Library v10\r\n46920x33014|AppMag = 40|MPP = 0,2520", 0.252),
        ("Aperio Leica Biosystems GT450 v1.0.0 \n50x40|AppMag=40|MPP=0.263|", 0.263),
        ("some converter|MPP = 0.5", 0.5),
        (APERIO + "50x40|AppMag = 20", None),
        (APERIO + "50x40|AppMag = 20|MPP = 0", None),
        (APERIO + "50x40|CompMPP = 3|MPP = none", None),
        (APERIO + "200x160 -> 50x40 - |AppMag = 20|MPP = 0.25", 1.0),  # a page that was scaled
        (APERIO + "900x900 [7,7 100x80] (240x240) -> 50x40 JPEG/RGB Q=70|MPP = 0.25", 0.5),
        (APERIO + "macro 1280x431", None),
    ],
)
def test_aperios_description_in_any_tiff(tmp_path: Path, text: str, expected: float | None) -> None:
    assert mpp(tmp_path / "a.tif", text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.25"', 0.25),  # the default unit is micrometre
        ('PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.25" PhysicalSizeYUnit="µm"', 0.25),
        ('PhysicalSizeX="0.25" PhysicalSizeXUnit="&#181;m" PhysicalSizeY="0.25"', 0.25),
        ('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="250" PhysicalSizeYUnit="nm"', 0.25),
        ('PhysicalSizeX="0.00025" PhysicalSizeXUnit="mm" PhysicalSizeY="0.25"', 0.25),
        ('PhysicalSizeX="2.5e-05" PhysicalSizeXUnit="cm" PhysicalSizeY="250" PhysicalSizeYUnit="nm"', 0.25),
        ('PhysicalSizeX="2500" PhysicalSizeXUnit="Å"', 0.25),
        ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" PhysicalSizeYUnit="reference frame"', None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tiff", "a.ome.btf"])
def test_ome_xml_in_any_tiff(tmp_path: Path, name: str, size: str, expected: float | None) -> None:
    assert mpp(tmp_path / name, ome(size).encode()) == pytest.approx(expected)


def test_ome_xml_of_other_years_and_with_a_prefix(tmp_path: Path) -> None:
    size = 'PhysicalSizeX="0.5" PhysicalSizeY="0.5"'
    old = ome(size, namespace="http://www.openmicroscopy.org/Schemas/OME/2010-06", prefix="OME")
    assert mpp(tmp_path / "a.tif", old) == 0.5
    assert mpp(tmp_path / "b.tif", old[:-9]) is None, "half a description says nothing"


def test_ome_xml_that_tifffile_writes(tmp_path: Path) -> None:
    size = {"PhysicalSizeX": 220, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.22, "PhysicalSizeYUnit": "µm"}
    assert mpp(tmp_path / "a.ome.tif", metadata={"axes": "YXS", **size}) == pytest.approx(0.22)


def test_an_entity_bomb_in_a_description_is_no_resolution(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    bomb = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "{"a" * 100}">{levels}]><OME>&i;</OME>'
    assert mpp(tmp_path / "a.tif", bomb) is None


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [("micron", 4), ("um", 4), ("µm", 4), ("\\u00B5m", 4), ("nm", 0.004), ("mm", 4e3), ("cm", 4e4), ("inch", 101_600)],
)
def test_imagej(tmp_path: Path, unit: str, per_unit: float) -> None:
    text = f"ImageJ=1.54f\nunit={unit}\nloop=false\n".encode()
    density = {"resolution": (per_unit, per_unit), "resolutionunit": "NONE"}
    assert mpp(tmp_path / "a.tif", text, **density) == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize("unit", ["pixel", "", "furlong"])
def test_imagej_without_a_unit_of_length(tmp_path: Path, unit: str) -> None:
    assert mpp(tmp_path / "a.tif", f"ImageJ=1.54f\nunit={unit}\n", resolution=(4, 4), resolutionunit="NONE") is None
    assert mpp(tmp_path / "b.tif", f"ImageJ=1.54f\nunit={unit}\n", resolution=(4e4, 4e4), resolutionunit=3) == 0.25


def test_imagej_that_tifffile_writes(tmp_path: Path) -> None:
    options = {"imagej": True, "metadata": {"unit": "um"}, "resolution": (2, 2)}
    assert mpp(tmp_path / "a.tif", **options) == 0.5


def test_philips_says_rows_before_columns_and_level_0_among_others(tmp_path: Path) -> None:
    levels = SPACING.format(0.0005, 0.0005) + SPACING.format(0.00025, 0.000251) + SPACING.format(0.001, 0.001)
    assert mpp(tmp_path / "a.tiff", PHILIPS.format(levels)) == pytest.approx(0.251)


def test_a_description_is_believed_before_the_tags_and_said_if_they_differ(tmp_path: Path) -> None:
    for density, said in ((2e4, True), (4.05e4, False), (28, False)):  # 0.5 and 0.247 micrometre, and print
        options = {"resolution": (density, density), "resolutionunit": "CENTIMETER"}
        assert mpp(tmp_path / "a.tif", "x|MPP = 0.25", **options) == 0.25
        with open_image(tmp_path / "a.tif") as image:
            assert bool(image.notes) == said
            assert ("0.25 micrometre per px in its description, 0.5 in its tags" in "".join(image.notes)) == said


@pytest.mark.parametrize(
    ("text", "density"),
    [
        (ome('PhysicalSizeX="0.25" PhysicalSizeY="0.5"'), None),
        (PHILIPS.format(SPACING.format(0.0005, 0.00025)), None),
        ("ImageJ=1.54f\nunit=micron\n", (4, 2)),
        ("ImageJ=1.54f\nunit=micron\nyunit=nm\n", (4, 0.002)),
        (None, (4e4, 2e4)),
    ],
)
def test_pixels_that_are_not_square_are_an_error_that_says_both(
    tmp_path: Path, text: str | None, density: tuple[float, float] | None
) -> None:
    unit = "NONE" if text else "CENTIMETER"
    with pytest.raises(
        MitofmError, match=r"a\.tif: .*0\.25 micrometre per px in x and 0\.5 in y.*data\.image_mpp is no way"
    ):
        mpp(tmp_path / "a.tif", text, **({"resolution": density, "resolutionunit": unit} if density else {}))


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.25, 0.2501, 0.25),
        (0.25, None, 0.25),
        (None, 0.25, 0.25),
        (None, None, None),
        (352.8, 352.8, None),
        (0.0, 0.0, None),
        (352.8, 176.4, None),
    ],
)
def test_one_axis_may_be_unknown_and_print_is_no_microscope(
    x: float | None, y: float | None, expected: float | None
) -> None:
    assert resolution.require_square(Path("a"), x, y) == expected


def test_only_x_in_the_tags_of_a_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", resolution=(4e4, 4e4), resolutionunit="CENTIMETER")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content.replace(b"\x1b\x01\x05\x00", b"\x1d\x01\x05\x00"))  # YResolution: no more
    with open_image(tmp_path / "a.tif") as image:
        assert image.mpp == 0.25


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"openslide.mpp-x": "0.2527", "openslide.mpp-y": "0.2527"}, (0.2527, 0.2527)),  # DICOM, and every scanner
        ({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.5"}, (0.25, 0.5)),
        ({"openslide.mpp-x": "0,2527"}, (0.2527, None)),
        ({"tiff.ImageDescription": ome('PhysicalSizeX="0.4" PhysicalSizeY="0.5"')}, (0.4, 0.5)),
        ({"tiff.ImageDescription": "x|MPP = 0.4", "tiff.XResolution": "1"}, (0.4, 0.4)),
        ({"tiff.XResolution": "100000", "tiff.YResolution": "101600", "tiff.ResolutionUnit": "inch"}, (0.254, 0.25)),
        ({"tiff.XResolution": "4", "tiff.YResolution": "4"}, (6350, 6350)),
        ({"openslide.vendor": "mirax"}, (None, None)),
    ],
)
def test_what_openslide_knows(properties: dict[str, str], expected: tuple[float | None, float | None]) -> None:
    size = {"openslide.level[0].width": "50", "openslide.level[0].height": "40"}
    for found, wanted in zip(resolution.parse_properties(properties | size), expected, strict=True):
        assert found == (None if wanted is None else pytest.approx(wanted))


def test_one_slide_has_one_resolution_under_either_name(tmp_path: Path) -> None:
    for name in ("a.svs", "a.tif"):
        svs(tmp_path / name, field(300, 300), mpp=0.2527)
        with open_image(tmp_path / name) as image:
            assert (image.mpp, image.notes) == (0.2527, ())


def test_the_small_aperio_region_renamed_tif() -> None:
    path = Path(__file__).parents[4] / "shared" / "cases" / "aperio_tif_mpp" / "CMU-1-Small-Region.tif"
    if not path.is_file():
        pytest.skip("shared/cases is not here")
    with open_image(path) as image:
        assert (image.mpp, image.width, image.height, image.notes) == (0.499, 2220, 2967, ())
