"""The kind of an image file by its first bytes, checked before a decoder sees it."""

from __future__ import annotations

import codecs
from pathlib import Path

from mitofm.data.images.broken import cut_short
from mitofm.ground.errors import MitofmError

ENDINGS = {  # of the kinds that are read, the first being the one to rename to
    "TIFF": (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".qptiff", ".svs", ".ndpi", ".scn", ".bif"),
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "BMP": (".bmp",),
    "WebP": (".webp",),
    "DICOM": (".dcm",),
    "SQLite": (".svslide",),
}
_KIND = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}
UNREAD = {  # image formats that people have and that are not read, by their usual endings
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf", ".j2c"), "JPEG 2000"),
    **dict.fromkeys((".heic", ".heif", ".avif"), "HEIF"),
    ".jxr": "JPEG XR",
    ".jxl": "JPEG XL",
    ".gif": "GIF",
    ".psd": "Photoshop",
    ".czi": "Zeiss CZI",
    ".zvi": "Zeiss ZVI",
    ".lif": "Leica LIF",
    ".nd2": "Nikon ND2",
    ".vsi": "Olympus VSI",
    ".oir": "Olympus OIR",
    **dict.fromkeys((".isyntax", ".i2syntax"), "Philips iSyntax"),
    ".kfb": "KFBIO KFB",
    ".sdpc": "SQRAY SDPC",
    ".mds": "Motic MDS",
    ".tmap": "UNIC TMAP",
    ".zarr": "Zarr",
    ".h5": "HDF5",
}
TO_TIFF = "Convert it to a tiled TIFF, for example with QuPath (OME TIFF) or bfconvert"
_MAGIC = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),  # BigTIFF
    (0, b"MM\0+", "TIFF"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"BM", "BMP"),
    (8, b"WEBP", "WebP"),
    (128, b"DICM", "DICOM"),
    (0, b"SQLite format 3\0", "SQLite"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"GIF8", "GIF"),
    (0, b"8BPS", "Photoshop"),
    (4, b"ftypheic", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypavif", "HEIF"),
    (0, b"ZISRAWFILE", "Zeiss CZI"),
    (0, b"\xda\xce\xbe\n", "Nikon ND2"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"%PDF-", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)
_LOOK = 512  # bytes that are enough to tell


def check_kind(path: Path) -> None:
    """Raise MitofmError if a file is not of the kind that its ending says, with what it is and what to do.

    The endings of OpenSlide's own containers say no kind.
    """
    expected = _KIND.get(path.suffix.lower())
    if expected is None:
        return
    with path.open("rb") as file:
        start = file.read(_LOOK)
    if (kind := tell_kind(start)) == expected:
        return
    if any(magic.startswith(start) for _, magic, name in _MAGIC if name == expected):
        raise cut_short(path, f"it has {len(start)} bytes")
    if not start.strip(b"\0"):
        raise cut_short(path, "it begins with zeros, as a download that was not finished does")
    if not kind:
        raise MitofmError(
            f"{path}: this file does not hold {expected}, as its ending says, nor anything else that is known (it begins with "
            f"{start[:8].hex(' ')}). Fetch it again, or find out what wrote it"
        )
    raise MitofmError(f"{path}: this file holds {kind}, not {expected} as its ending says. {_advise(path, kind)}")


def tell_kind(start: bytes) -> str:
    """The kind of a file that begins with `start` (up to 512 bytes), as in `ENDINGS` and others; "" if it is unknown."""
    for at, magic, kind in _MAGIC:
        if start.startswith(magic, at):
            return kind
    text = start.lstrip(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML)"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_text(start):
        return "text"
    return ""


def _is_text(start: bytes) -> bool:
    try:
        words = codecs.getincrementaldecoder("utf-8")().decode(start)  # the last letter may be cut off
    except UnicodeDecodeError:
        return False
    return bool(words.strip()) and all(letter.isprintable() or letter.isspace() for letter in words)


def _advise(path: Path, kind: str) -> str:
    if kind in ENDINGS:
        return f"Rename it to {path.with_suffix(ENDINGS[kind][0]).name}, also where the annotations name it"
    if kind == "a web page (HTML)":
        return "The download has brought an error or a login page: fetch it again"
    if kind == "a Git LFS pointer":
        return "Fetch what it points to with `git lfs pull`"
    if "archive" in kind:
        return "Unpack it"
    return TO_TIFF if kind in UNREAD.values() else "Put the image itself here"
