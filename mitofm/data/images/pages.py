"""Which page of a TIFF is the image, and whether its pixels can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import tifffile

from mitofm.ground.errors import MitofmError

_COLOURED = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
_TO_RGB = (6, 7, 33007, 34892)  # JPEG in its TIFF dialects: decoding it gives RGB, whatever it is coded in
_GREY = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK)
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType


def choose_page(path: Path, file: tifffile.TiffFile) -> tuple[tifffile.TiffPage, tuple[str, ...]]:
    """The largest RGB page, and a note if it was chosen among several that are no levels of one pyramid.

    MitofmError if there is none, several are equally large (a stack), or it cannot be decoded to 8-bit RGB.
    """
    file.pages.useframes = False
    pages = list(_list_pages(file))
    if not pages:
        raise MitofmError(f"{path}: this TIFF holds no image")
    coloured = [page for page in pages if page.photometric in _COLOURED and page.samplesperpixel >= 3]
    if not coloured:
        raise _not_rgb(path, pages)
    page = max(coloured, key=_area)  # of equals the first
    _refuse_stack(path, [other for other in coloured if _area(other) == _area(page)])
    _refuse_unknown_coding(path, page)
    others = [other for other in pages if other is not page and not _is_copy(other, page)]
    if page is pages[0] and not others:
        return page, ()
    sizes = ", ".join(f"{other.imagewidth} x {other.imagelength}" for other in (others or pages[:1])[:4])
    return page, (
        f"holds {len(pages)} images (pages): the largest in RGB is read, {page.imagewidth} x {page.imagelength} px, not "
        f"{sizes}{', ...' if len(others) > 4 else ''}",
    )


def _list_pages(file: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """Pages and their SubIFDs, without those that are marked as smaller copies of another or as masks."""
    every = [page for top in file.pages for page in (top, *(top.pages or ()))]
    marked = [page for page in every if not page.subfiletype & (_REDUCED | _MASK)]
    yield from (page for page in marked or every if page.imagewidth and page.imagelength)


def _area(page: tifffile.TiffPage) -> int:
    return page.imagewidth * page.imagelength


def _is_copy(other: tifffile.TiffPage, page: tifffile.TiffPage) -> bool:
    """Whether `other` has the colours and the shape of `page`, only smaller: a level of the pyramid or a thumbnail."""
    expected = page.imagelength * other.imagewidth / page.imagewidth
    slack = 1 + page.imagelength / page.imagewidth  # px: either side may have been rounded
    return other.photometric in _COLOURED and abs(other.imagelength - expected) <= slack


def _refuse_stack(path: Path, largest: list[tifffile.TiffPage]) -> None:
    page = largest[0]
    # ImageJ writes a stack beyond 4 GB as one page.
    said = re.search(r"^images=(\d+)", page.imagej_description or "", re.MULTILINE)
    many = max(len(largest), page.imagedepth, int(said[1]) if said else 1)
    if many > 1:
        raise MitofmError(
            f"{path}: this TIFF is a stack of {many} images of {page.imagewidth} x {page.imagelength} px: which one is "
            "meant? Save each crop as a file of its own, and of focus, time or channel the one image that was annotated"
        )


def _refuse_unknown_coding(path: Path, page: tifffile.TiffPage) -> None:
    coding = _name(tifffile.COMPRESSION, page.compression)
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError:
        raise MitofmError(
            f"{path}: this TIFF is compressed with {coding} (predictor {page.predictor}), which is not read. Save it with "
            "JPEG, LZW or deflate, for example with `vips tiffsave` or QuPath"
        ) from None
    in_ycbcr = page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression not in _TO_RGB
    if in_ycbcr or page.compression == tifffile.COMPRESSION.APERIO_JP2000_YCBC:
        raise MitofmError(
            f"{path}: the colours of this TIFF are YCbCr, compressed with {coding}, which would be read as if they were RGB. "
            "Save it as RGB, or with JPEG"
        )
    if page.dtype != "uint8":
        kind = page.dtype or f"{page.bitspersample}-bit"
        raise MitofmError(f"{path}: this image has {kind} pixels; convert it to 8 bit, whose range is known")
    if page.samplesperpixel > 4:
        raise MitofmError(
            f"{path}: this image has {page.samplesperpixel} channels; save its red, green and blue as an RGB image"
        )


def _not_rgb(path: Path, pages: list[tifffile.TiffPage]) -> MitofmError:
    page = max(pages, key=_area)
    colours = _name(tifffile.PHOTOMETRIC, page.photometric)
    if page.photometric in _GREY and page.samplesperpixel in (3, 4):
        way = (
            "it has the channels of RGB but says grey: if they are red, green and blue, `tiffset -s 262 2 FILE` says so"
        )
    elif page.photometric in _GREY and len(pages) > 2:
        way = "if its pages are red, green and blue, merge them into one RGB image"
    elif page.photometric in _GREY:
        way = "without colour there is no stain to see"
    elif page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        way = "CMYK is made for printing: save the original as RGB"
    else:
        way = "save it as RGB"
    return MitofmError(
        f"{path}: this image is not RGB (photometric {colours}, channels: {page.samplesperpixel}); {way}"
    )


def _name(names: type, value: int) -> str:
    try:
        return f"{names(value).name} ({int(value)})"
    except ValueError:
        return str(value)
