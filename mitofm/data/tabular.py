"""Text tables of any dialect (as spreadsheets, QuPath, R and pandas write them), read as strings."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import refuse
from mitofm.ground.csv_cells import read_cell
from mitofm.ground.errors import MitofmError

_SEPARATORS = ("\t", ";", "|", ",")  # of equal fit, the first: a comma is often part of a value
_SNIFFED = 200  # records that tell the separator
_NO_TEXT = {  # how files begin that are no text, and what they are
    b"PK\x03\x04": "a workbook (.xlsx, .ods) or another ZIP file. Save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls). Save it as CSV",
    b"SQLite format 3\x00": "an SQLite database",
    b"PAR1": "a parquet file",
    b"%PDF": "a PDF file. Save its table as CSV",
    b"version https://git-lfs": "a Git LFS pointer: the file itself has not been fetched. Run `git lfs pull` there",
}
_BOMS = {  # UTF-32 first: its mark begins as UTF-16's does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_BOTH_MARKS = re.compile(r"[+-]?\d{1,3}([.,]\d{3})*[.,]\d+")
_LIKE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read(path: Path) -> pd.DataFrame:
    """The text table in `path`: every value a string without blanks around it, "" if missing; the index counts from 0.

    The separator is a comma, semicolon, tab or `|`: the first line `sep=;` or the content tells which. Values may be
    quoted; the text may be UTF-8 with or without a mark, UTF-16, cp1252 or Latin-1, with any end of line, and gzipped.
    Empty lines, separators at the ends of lines, and columns without a word in the header are left out. MitofmError if it
    is no text table, a row has more values than the header, or two columns have one word.
    """
    return read_numbered(path).reset_index(drop=True)


def read_numbered(path: Path) -> pd.DataFrame:
    """As `read`, but the index ("row") is the row that a spreadsheet shows: the header is row 1, empty rows count."""
    text = _read_table(path)
    said = re.match(r"sep=([^\r\n])[ \t]*(\r\n|\r|\n|$)", text, re.IGNORECASE)  # for Excel, which does not show it
    text = text[said.end() :] if said else text
    separator = said.group(1) if said else _tell_separator(text, path)
    try:
        filled = [(row, record) for row, record in enumerate(_parse(text, separator), start=1) if any(record)]
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error
    if not filled:
        raise _unreadable(path, "it is empty")
    (_, header), *rows = filled
    header = _trim(header, 0)
    again = sorted({word for word in header if word and header.count(word) > 1})
    if again:
        raise MitofmError(f"{path}: two columns are called {again[0]!r}. Rename one of them")
    for row, record in rows:
        if len(_trim(record, len(header))) > len(header):
            raise MitofmError(
                f"{path}: row {row} has {len(record)} values and the header {len(header)} words. A value that holds "
                "the separator (as 1627,5 between commas) must be in quotes"
            )
    wide = [(*record[: len(header)], *[""] * (len(header) - len(record))) for _, record in rows]
    table = pd.DataFrame(wide, pd.Index([row for row, _ in rows], name="row", dtype="int64"), header, dtype=object)
    return table.loc[:, [bool(word) for word in header]]


def parse_numbers(column: pd.Series, origin: str) -> pd.Series:
    """The numbers (float64) in a column of text, written with a decimal point or, all of them, with a decimal comma.

    MitofmError if a value is no number, or may be two: `1.627,5`, `1,627.5`, and `1,627` if no other value of the
    column shows that its comma is a decimal one.

    Args:
        column: of `read_numbered`; messages call a value by the column's name and the index.
    """
    text = column.astype(object).fillna("").map(str)
    commas, points = text.str.contains(",", regex=False), text.str.contains(".", regex=False)
    both = (commas & points) & text.map(lambda one: bool(_BOTH_MARKS.fullmatch(one)))
    refuse(both, column, origin, "with two kinds of marks it may be two numbers. Write it without marks of thousands")
    refuse(~text.map(lambda one: bool(_NUMBER.fullmatch(one))), column, origin, "it must be a number")
    if commas.any():
        thousands = text.map(lambda one: bool(_LIKE_THOUSANDS.fullmatch(one)))
        reason = "its comma may mark decimals or thousands. Write it with a decimal point"
        refuse(thousands & ((commas & ~thousands).sum() == 0), column, origin, reason)
        refuse(points, column, origin, "other values have a decimal comma, so it may be two numbers. Write all one way")
    return pd.to_numeric(text.str.replace(",", ".", regex=False)).astype("float64")


def drop_decimals(text: str) -> str:
    """`text`, or if it is a whole number written with decimals (`1.0`), that number without them (`1`)."""
    found = re.fullmatch(r"([+-]?\d+)(\.0*|,0{1,2})", text)
    return found.group(1) if found else text


def read_text(path: Path) -> str:
    """The text in `path`, gzipped or not, in whichever encoding. ValueError if it is no text."""
    data = path.read_bytes()
    for start, kind in _NO_TEXT.items():
        if data.startswith(start):
            raise ValueError(f"it is {kind}")
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(str(error)) from error
    text = _decode(data)
    if _CONTROL.search(text):
        raise ValueError("it holds binary data")
    return text


def _read_table(path: Path) -> str:
    try:
        text = read_text(path)
    except ValueError as error:
        raise _unreadable(path, str(error)) from error
    if text.lstrip().startswith("<"):
        raise _unreadable(path, "it is a web page (HTML) or XML. Download the file itself")
    if text.lstrip().startswith(('{"', '[{"', "{\n", "{\r\n")):
        raise _unreadable(path, "it is JSON")
    return text.replace("\r\r\n", "\r\n").rstrip("\x1a")


def _decode(data: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return data.decode(encoding)
    start = data[:4096]
    if start.count(0) > len(start) / 4:  # text of UTF-16 whose mark was lost is mostly Latin letters
        return data.decode("utf-16-be" if start[::2].count(0) > start[1::2].count(0) else "utf-16-le")
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return data.decode("latin-1")


def _tell_separator(text: str, path: Path) -> str:
    """The separator whose header words are as many as the values of the most rows; of such, that with the most words."""
    fits, problem = {}, None
    for separator in _SEPARATORS:
        try:
            header, *rows = itertools.islice(filter(any, _parse(text, separator)), _SNIFFED)
        except ValueError:  # no record at all
            continue
        except csv.Error as error:
            problem = error
            continue
        width = len(_trim(header, 0))
        fitting = [len(_trim(row, width)) == width for row in rows]
        if width > 1:
            fits[separator] = (sum(fitting) / max(len(rows), 1), width)
    if not fits and problem is not None:
        raise _unreadable(path, str(problem))
    return max(fits, key=lambda one: fits[one]) if fits else ","


def _parse(text: str, separator: str) -> Iterator[list[str]]:
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t", strict=True
    )
    return ([read_cell(value.strip()) for value in record] for record in lines)  # our own scores may be among them


def _trim(record: list[str], width: int) -> list[str]:
    """The record without the empty values at its end that go beyond `width`."""
    end = len(record)
    while end > width and not record[end - 1]:
        end -= 1
    return record[:end]


def _unreadable(path: Path, reason: str) -> MitofmError:
    return MitofmError(f"{path} is not a CSV file that can be read: {reason}")
