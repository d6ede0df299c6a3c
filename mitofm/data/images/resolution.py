"""Micrometres per pixel, from the texts, tags and properties in which scanners and programs state them.

A resolution is a pair (x, y); either is None if it is not known. Sources: the descriptions of Aperio (`|MPP = 0.25`),
ImageJ (`unit=micron`), OME XML (`PhysicalSizeX`) and Philips (`DICOM_PIXEL_SPACING`) in a TIFF's ImageDescription; the
resolution tags of TIFF 6.0; the properties of OpenSlide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard
from xml.etree import ElementTree

from mitofm.ground.errors import MitofmError

Pair = tuple[float | None, float | None]
UNKNOWN: Pair = (None, None)
_PLAUSIBLE = (0.02, 20.0)  # micrometre per px: a resolution outside is one for printing, such as 72 dpi
_SAME = 0.01  # by which x and y may differ
MICROMETRES = {  # of the units of length that OME and ImageJ write; the micro sign, the letter mu, and ImageJ's escapes
    **dict.fromkeys(("µm", "μm", "\\u00b5m", "\\u03bcm", "um", "micron", "microns"), 1.0),
    **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-6),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    **dict.fromkeys(("in", "inch", "inches", '"'), 25_400.0),
}


def require_square(path: Path, x: float | None, y: float | None) -> float | None:
    """The resolution of an image whose pixels are `x` wide and `y` high; None if it is unknown, or meant for printing.

    MitofmError if they differ by more than 1 %.
    """
    known = [value for value in (x, y) if value is not None and value > 0]
    if not any(is_plausible(value) for value in known):
        return None
    if max(known) > min(known) * (1 + _SAME):
        raise MitofmError(
            f"{path}: this image says {x:.6g} micrometre per px in x and {y:.6g} in y, but crops need square pixels. If it "
            "is right, resample the image to square pixels (data.image_mpp is no way out: it states one number for both); "
            "if not, correct what the file says"
        )
    return known[0]


def is_plausible(mpp: float | None) -> TypeGuard[float]:
    """Whether a microscope may have made pixels of `mpp` micrometre; larger ones are of print or of a screen."""
    return mpp is not None and _PLAUSIBLE[0] <= mpp <= _PLAUSIBLE[1]


def parse_text(text: str, width: int, height: int, tags: Pair = UNKNOWN) -> Pair:
    """What the description of an image of `width` x `height` px says.

    `tags` are px per unit in x and y as in the resolution tags, whose unit an ImageJ description states.
    """
    if text.startswith(("ImageJ=", "SCIFIO=")):
        return _parse_imagej(text, tags)
    if text.lstrip("\ufeff \r\n\t").startswith("<"):
        return _parse_xml(text.lstrip("\ufeff \r\n\t"), width, height)
    return _parse_aperio(text, width, height)


def parse_properties(properties: Mapping[str, str]) -> Pair:
    """What OpenSlide's `properties` of a slide say; if not in its own words, then in the texts of the file."""
    x, y = (_parse_number(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    if x or y:
        return x, y
    width, height = (int(properties.get(f"openslide.level[0].{side}", 1)) for side in ("width", "height"))
    tags = _parse_number(properties.get("tiff.XResolution")), _parse_number(properties.get("tiff.YResolution"))
    said = parse_text(properties.get("tiff.ImageDescription", ""), width, height, tags)
    return said if any(said) else parse_tags(*tags, properties.get("tiff.ResolutionUnit", "inch"))


def parse_tags(x: float | None, y: float | None, unit: str) -> Pair:
    """The resolution of `x` and `y` px per `unit` (a key of `MICROMETRES`, or another word for none)."""
    micrometres = MICROMETRES.get(unit.strip().lower())
    if micrometres is None:
        return UNKNOWN
    return tuple(micrometres / per_unit if per_unit else None for per_unit in (x, y))  # type: ignore[return-value]


def _parse_aperio(text: str, width: int, height: int) -> Pair:
    """`|MPP = 0.4990`, that of the scan. A page that is scaled says by how much: `46000x32914 -> 1024x732`."""
    said = re.search(r"(?:^|[|\r\n;])\s*MPP\s*=\s*([\d.,]+)", text)
    mpp = _parse_number(said[1]) if said else None
    if mpp is None:
        return UNKNOWN
    scaled = re.match(r"[^;|]*?(\d+)x(\d+)\]?(?: *\(\d+x\d+\))? *-> *\d+x\d+", text)
    if scaled is None:
        return mpp, mpp
    across, down = int(scaled[1]) / width, int(scaled[2]) / height
    return (mpp * across, mpp * across) if abs(across / down - 1) < 2 * _SAME else UNKNOWN


def _parse_imagej(text: str, tags: Pair) -> Pair:
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    unit = lines.get("unit", "")
    return parse_tags(tags[0], None, unit)[0], parse_tags(None, tags[1], lines.get("yunit", unit))[1]


def _parse_xml(text: str, width: int, height: int) -> Pair:
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return UNKNOWN
    for element in root.iter():
        size = element.get("SizeX"), element.get("SizeY")  # a file may describe several images, and levels of one
        if element.tag.rpartition("}")[2] == "Pixels" and size == (str(width), str(height)):
            return _parse_ome(element, "X"), _parse_ome(element, "Y")
    spacings = [
        tuple(_parse_number(value) for value in (element.text or "").replace('"', " ").split())
        for element in root.iter("Attribute")
        if element.get("Name") == "DICOM_PIXEL_SPACING"
    ]  # of each level in mm: first y, then x
    known = [(x * 1e3, y * 1e3) for y, x in (pair for pair in spacings if len(pair) == 2) if x and y]
    return min(known, default=UNKNOWN)


def _parse_ome(pixels: ElementTree.Element, axis: str) -> float | None:
    size = _parse_number(pixels.get(f"PhysicalSize{axis}"))
    unit = MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").strip().lower())
    return size * unit if size and unit else None


def _parse_number(text: str | None) -> float | None:
    """A positive number, its decimals after a point or a comma; None if `text` is none."""
    try:
        number = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
