"""A study in one file: the stored results of its cells and its report. It is refused if a byte has changed.

A bundle is a ZIP archive of plain files with `SHA256SUMS` (as `sha256sum -c` reads it) and, as the archive's comment, the
sha256 of all bytes before it. Equal content gives equal bytes. It holds no image and no weights.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

import mitofm
from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json, replacing
from mitofm.ground.places import name_places, remove_folders
from mitofm.ground.scratch import scratch
from mitofm.ground.stored_yaml import parse_yaml
from mitofm.runs import sums
from mitofm.runs.books import old_books, studies
from mitofm.runs.folder import check_sums, read_config
from mitofm.runs.sums import Sum

SUMS, FACTS, REPORT = "SHA256SUMS", "bundle.json", "report"
FORMAT, _READS = 2, (1, 2)  # format 2 adds the cells that were not started
OF_A_CELL = (
    "DONE", "FAILED", "SKIPPED", "cell.json", "config.yaml", "cost.json", "curves.csv", "environment.json",
    "metrics.json", "predictions.parquet", "split.parquet", "validation.parquet",
)  # fmt: skip
OF_A_REPORT = ("csv", "html", "md", "pdf", "png", "svg", "tex")

_NAME = r"[^/\\:\x00-\x1f]+"
_ALLOWED = re.compile(
    rf"{SUMS}|{FACTS}"
    rf"|cells/{_NAME}/({'|'.join(map(re.escape, OF_A_CELL))})"
    rf"|studies/{_NAME}/({'|'.join(map(re.escape, old_books.FILES))})"
    rf"|{REPORT}/({_NAME}/){{0,4}}{_NAME}\.({'|'.join(OF_A_REPORT)})"
)
_MOST_FILES, _MOST_BYTES, _MOST_IN_ONE = 500_000, 20 * 2**30, 2 * 2**30
_MOST_RATIO, _FREE_BYTES = 100, 10**8
"""How many times its own size a bundle may unpack to, if that is more than so many bytes."""
_CHUNK = 2**20
_ANONYMISED = "anonymised"
_DIGEST = 64  # hex digits of a sha256


@dataclass(frozen=True)
class Bundle:
    """An opened bundle.

    Attributes:
        runs: the folder with `cells/` and `studies/`, and `report/` as it was packed.
        study: its one study.
        made_with: the version of mitofm that made it.
        note: of the person who packed it, such as the command that made its cells.
        anonymised: whether its samples and slides have neutral names (`mitofm.runs.anonymise`).
    """

    runs: Path
    study: str
    made_with: str
    note: str = ""
    anonymised: bool = False


def check_cells(runs: Path, study: str) -> int:
    """How many finished cells of a study have no checksums; DamagedCell if a file is not the one that its cell was finished with."""
    folders = [runs / "cells" / cell for cell in studies.read(runs, study).cells]
    unchecked = [one for one in folders if not check_sums(one, checkpoint=False) and (one / sums.MARKER).is_file()]
    return len(unchecked)


def pack(runs: Path, study: str, report: Path, out: Path, note: str = "", anonymised: bool = False) -> str:
    """Write the bundle of a study and of the folder of its report to `out`; returns its sha256 (hex).

    `anonymised` says that `runs` is a copy under neutral names.

    Raises:
        DamagedCell: a file of a cell is not the one that the cell was finished with.
        MitofmError: there is no such study, or a file of the report is of a kind that is not packed.
        Outside: a file of a cell or of the report is a link.
    """
    below.close(report)
    listed = studies.read(runs, study)
    facts = {"format": FORMAT, "made_with": mitofm.__version__, "note": remove_folders(note), "study": study}
    facts |= {_ANONYMISED: True} if anonymised else {}
    files: dict[str, Path | bytes] = {FACTS: json.dumps(facts).encode()}
    for cell in sorted(listed.cells):
        files |= _list_files(runs / "cells" / cell)
    files |= {name: _clean_marker(file) for name, file in files.items() if name.endswith(("/FAILED", "/SKIPPED"))}
    left, planned = listed.not_started()
    left = sorted(re.sub(r"=/[^,]*/", "=", words) for words in left)  # without places
    books = old_books.pack(listed.cells, listed.stated, left, planned)
    files |= {f"studies/{study}/{name}": content for name, content in books.items()}
    files |= {f"{REPORT}/{file.relative_to(report).as_posix()}": file for file in report.rglob("*") if file.is_file()}
    there = {name: file for name, file in sorted(files.items()) if isinstance(file, bytes) or file.is_file()}
    if refused := [name for name in there if not _is_allowed(name)]:
        raise MitofmError(f"{refused[0]} cannot be part of a bundle, by its name or its kind")
    with replacing(out) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            sums = [f"{_add(archive, name, file)}  {name}\n" for name, file in there.items()]
            _add(archive, SUMS, "".join(sums).encode())
            archive.comment = b"0" * _DIGEST
        with temporary.open("r+b") as whole:
            digest = _hash_content(whole)
            whole.write(digest.encode())
        return fingerprints.of_file(temporary)


def unpack(file: Path, into: Path) -> Bundle:
    """Unpack a bundle into the empty folder `into`; every byte is checked before it is used.

    Raises:
        MitofmError: it is no bundle, a byte has changed, it is too large, or it holds a path that leaves the folder, a link
            or a file of another kind.
    """
    below.close(into)
    try:
        with file.open("rb") as whole:
            digest = _hash_content(whole)
            if whole.read() != digest.encode():
                raise MitofmError(f"{file} is no bundle, or a byte of it has changed: fetch it again from who made it")
        with zipfile.ZipFile(file) as archive:
            members = _check_members(archive, file)
            lines = (line.split("  ", 1) for line in archive.read(SUMS).decode().splitlines())
            sums = {name: digest for digest, name in lines}
            if sums.keys() | {SUMS} != {member.filename for member in members}:
                raise MitofmError(f"{file}: {SUMS} does not list what is in it")
            for member in members:
                if member.filename != SUMS and _extract(archive, member, into) != sums[member.filename]:
                    raise MitofmError(f"{file}: {member.filename} is not the file that {SUMS} lists")
        facts = read_json(into / FACTS)
        if facts["format"] not in _READS:
            raise MitofmError(
                f"{file} is a bundle of format {facts['format']}; this mitofm reads up to format {FORMAT}"
            )
        made_with, note = str(facts["made_with"]), str(facts.get("note", ""))
        return Bundle(into, str(facts["study"]), made_with, note, bool(facts.get(_ANONYMISED)))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        raise MitofmError(f"{file} cannot be opened as a bundle ({type(error).__name__}: {error})") from error


@contextmanager
def open_unpacked(file: Path) -> Iterator[Bundle]:
    """As `unpack`, into a temporary folder."""
    with scratch("mitofm-bundle-") as temporary:
        yield unpack(file, temporary)


def _list_files(cell: Path) -> dict[str, Path | bytes]:
    """What is packed of a cell. If its DONE holds checksums, the packed one holds those of what is packed; DamagedCell if one is wrong."""
    files: dict[str, Path | bytes] = {name: cell / name for name in OF_A_CELL if (cell / name).is_file()}
    checked = check_sums(cell, checkpoint=False)
    if "config.yaml" in files:
        files["config.yaml"] = _remove_places(cell / "config.yaml")
    if checked:
        listed = sums.read(cell) or {}
        packed = {name: one for name, one in listed.items() if name in files}
        config = files.get("config.yaml")
        if isinstance(config, bytes):
            packed["config.yaml"] = Sum.of(config)
        files[sums.MARKER] = sums.spell(packed).encode()
    return {f"cells/{cell.name}/{name}": content for name, content in files.items()}


def _remove_places(config: Path) -> bytes:
    """A cell's config in which the folders of `paths` are replaced by their keys, and of other paths the last part is left."""
    text, places = below.check(config).read_text(encoding="utf-8"), read_config(config.parent).get("paths") or {}
    absolute = {name: str(place) for name, place in places.items() if place and Path(place).is_absolute()}
    cleaned = name_places(parse_yaml(text.encode()), absolute)
    for name, place in sorted(absolute.items(), key=lambda one: -len(one[1])):
        text = text.replace(place, name)
    if parse_yaml(text.encode()) != cleaned:  # else its own spelling stays
        text = yaml.safe_dump(cleaned, sort_keys=False, allow_unicode=True)
    return text.encode()


def _clean_marker(marker: Path | bytes) -> Path | bytes:
    """The text of a marker, of which a traceback names the folders of a person's machine."""
    if isinstance(marker, bytes) or not marker.is_file():
        return marker
    return remove_folders(below.check(marker).read_text(encoding="utf-8", errors="replace")).encode()


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> str:
    """Add a file without its owner and time, so that equal content gives equal bytes; returns its sha256."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    data = content if isinstance(content, bytes) else below.check(content).read_bytes()
    archive.writestr(info, data)
    return hashlib.sha256(data).hexdigest()


def _hash_content(whole: IO[bytes]) -> str:
    """sha256 of all bytes but the last 64, at which the position of `whole` is left."""
    left = whole.seek(0, 2) - _DIGEST
    whole.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (chunk := whole.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _is_allowed(name: str) -> bool:
    return _ALLOWED.fullmatch(name) is not None and not {".", ".."} & set(name.split("/"))


def _check_members(archive: zipfile.ZipFile, file: Path) -> list[zipfile.ZipInfo]:
    """The members; MitofmError if one of them could do harm when it is written."""
    members = archive.infolist()
    for member in members:
        mode = member.external_attr >> 16
        if not _is_allowed(member.filename) or (mode and not stat.S_ISREG(mode)):
            raise MitofmError(f"{file} holds {member.filename!r}, which is not part of a bundle: it was not opened")
    if len({member.filename for member in members}) != len(members):
        raise MitofmError(f"{file} holds a file twice: it was not opened")
    sizes = [member.file_size for member in members]
    if len(sizes) > _MOST_FILES or sum(sizes) > _MOST_BYTES or max(sizes, default=0) > _MOST_IN_ONE:
        raise MitofmError(f"{file} is too large: {len(sizes)} files of {sum(sizes) / 1e9:.1f} GB. It was not opened")
    packed = file.stat().st_size
    if sum(sizes) > max(_FREE_BYTES, _MOST_RATIO * packed):
        raise MitofmError(
            f"{file} would unpack to {sum(sizes) / 1e9:.1f} GB from {packed / 1e6:.1f} MB, more than any bundle does. It was not "
            "opened"
        )
    return members


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path) -> str:
    """Write one file, of at most the size that was checked; returns its sha256."""
    target = below.check(into / member.filename)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as packed, target.open("xb") as out:
        shutil.copyfileobj(packed, out)
    return fingerprints.of_file(target)
