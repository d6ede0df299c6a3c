"""Text tables as spreadsheets, QuPath, R and pandas write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from mitofm.data import tabular
from mitofm.ground.errors import MitofmError

HEADER = ["Centroid X µm", "label", "who"]
ROWS = [["1627.5", "0", "Müller, A."], ["12", "1", ""], ["0.25", "1", "tab"]]


def text(separator: str = ",", end: str = "\n") -> str:
    quoted = [[f'"{one}"' if separator in one else one for one in row] for row in [HEADER, *ROWS]]
    return "".join(separator.join(row) + end for row in quoted)


def read(folder: Path, content: str | bytes, name: str = "t.csv") -> pd.DataFrame:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tabular.read(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_a_table_is_the_same_in_every_dialect(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    table = read(tmp_path, text(separator, end).encode(encoding), "t.tsv")  # the ending says nothing
    assert list(table) == HEADER
    assert table.to_numpy().tolist() == ROWS
    assert table.index.equals(pd.RangeIndex(3))


@pytest.mark.parametrize(
    "content",
    [
        " x ,y , z\n 1,2 ,\t3\n",
        "x, y, z\n1, 2, 3\n",
        'x, "y", z\n1, "2", " 3 "\n',
        "x\u00a0,y,z\n1,2,3\u00a0\n",
        "x,y,z\n1,2,3\n\n,,\n \n",
        "\n\nx,y,z\n\n1,2,3\n",
        "x,y,z,,\n1,2,3,,\n",
        "x,y,z\n1,2,3,,\n",
        ",x,y,z\n0,1,2,3\n",  # the index that pandas and R write has no word
        "sep=,\nx,y,z\n1,2,3\n",
        "sep=;\r\nx;y;z\r\n1;2;3\r\n",
        "\ufeffsep=\t\nx\ty\tz\n1\t2\t3",
        "x;y;z\n1;2;3\n\x1a",
        gzip.compress(b"x;y;z\n1;2;3\n", mtime=0),
        b"\xff\xfe\x00\x00" + "x\ty\tz\n1\t2\t3".encode("utf-32-le"),
    ],
)
def test_blanks_and_empty_lines_and_columns_are_nothing(tmp_path: Path, content: str | bytes) -> None:
    table = read(tmp_path, content)
    assert list(table) == ["x", "y", "z"]
    assert table.to_numpy().tolist() == [["1", "2", "3"]]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("x;y;z\n1,5;2,5;0\n3,5;4,5;1\n", [["1,5", "2,5", "0"], ["3,5", "4,5", "1"]]),
        ("x, px;y, px;z\n1,5;2,5;0\n", [["1,5", "2,5", "0"]]),
        ('x,y,z\n"1,5","2,5",0\n', [["1,5", "2,5", "0"]]),
        ("x,y,z\n1,2\n", [["1", "2", ""]]),
        ('x,y,z\n1,2,"two\nlines; 3|4"\n', [["1", "2", "two\nlines; 3|4"]]),
        ('x,y,z\n1,5" lens,"say ""hm"""\n', [["1", '5" lens', 'say "hm"']]),
        ("slide\na;b\nc d\n", [["a;b"], ["c d"]]),
        ("x;y;z\n", []),
    ],
)
def test_the_separator_is_told_by_the_header_and_what_fits_it(
    tmp_path: Path, content: str, rows: list[list[str]]
) -> None:
    assert read(tmp_path, content).to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", r"t\.csv is not a CSV file that can be read: it is a workbook .* Save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "Excel workbook"),
        (b"SQLite format 3\x00...", "SQLite"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d", "binary"),
        (b"\x1f\x8bnot gzip", "not a CSV file that can be read"),
        (b"\xff\xfea", "not a CSV file that can be read"),
        ("  <!DOCTYPE html><html>", "HTML"),
        ('{"type": "FeatureCollection"}', "it is JSON"),
        ("", "it is empty"),
        ("\n \n,,\n", "it is empty"),
        ("x,y\n1,2\n1627,5,3\n", r"t\.csv: row 3 has 3 values and the header 2 words.*in quotes"),
        ("x,y, x\n1,2,3\n", "two columns are called 'x'"),
        ('x,y\n1,"2\n', "not a CSV file that can be read: unexpected end"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(MitofmError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('sep=;\nx;y\n1;"two\nlines"\n\n3;4\n')
    assert tabular.read_numbered(path).index.tolist() == [2, 4]


def column(*values: str) -> pd.Series:
    return pd.Series(values, pd.RangeIndex(2, len(values) + 2, name="row"), dtype=object, name="x")


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (("1627.5", "-12", "+3", ".5", "1.", "1e3"), (1627.5, -12, 3, 0.5, 1, 1000)),
        (("1627,5", "-12", "1,25e2", ",5"), (1627.5, -12, 125, 0.5)),
        (("1627,5", "1,627"), (1627.5, 1.627)),  # the first shows what the comma of the second is
        (("0,627",), (0.627,)),
        (("811.870", "1.627"), (811.87, 1.627)),
        ((), ()),
    ],
)
def test_numbers_have_a_decimal_point_or_a_decimal_comma(values: tuple[str, ...], numbers: tuple[float, ...]) -> None:
    assert tabular.parse_numbers(column(*values), "f").tolist() == list(numbers)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("1", "1.627,5"), r"^f: row 3: x is '1\.627,5': with two kinds of marks .*\(1 such rows\)$"),
        (("1,627.5",), r"x is '1,627\.5': with two kinds"),
        (("1,627", "2,040"), r"x is '1,627': its comma may mark decimals or thousands"),
        (("811.5", "1,627"), r"x is '1,627': its comma may"),
        (("811,5", "1.627"), r"x is '1\.627': other values have a decimal comma"),
        (("here",), "x is 'here': it must be a number"),
        (("",), "x is '': it must be a number"),
        (("nan",), "it must be a number"),
        (("1_0",), "it must be a number"),
        (("1,2,3",), "it must be a number"),
    ],
)
def test_a_value_that_may_be_two_numbers_is_none(values: tuple[str, ...], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        tabular.parse_numbers(column(*values), "f")


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("1.0", "1"),
        ("0.0", "0"),
        ("1,0", "1"),
        ("1.", "1"),
        ("-1.00", "-1"),
        *((one,) * 2 for one in ("01", "1.5", "1,000", "")),
    ],
)
def test_a_whole_number_written_with_decimals_is_that_number(given: str, whole: str) -> None:
    assert tabular.drop_decimals(given) == whole
