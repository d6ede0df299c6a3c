"""Names that are marks of another language: in no table, page or figure of a report are they more than names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest

from mitofm.ground.csv_cells import read_csv
from mitofm.reporting.escaping import escape_latex, escape_markdown

from ..made_up import Study

EVIL = (
    "=HYPERLINK(\"http://a.b\",\"x\")",
    "a|b <img src=x onerror=alert(1)> `c` [d](javascript:e) & \\|",
    "\\input{/etc/passwd} $x^2$ 5% #_~",
    "lung\x1b[2J\r\nDONE\u202egpj",
)  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a study whose domains, models and data set have such names, and a cell that failed with one."""
    from mitofm.reporting.report import make_report

    folder = tmp_path_factory.mktemp("names")
    study = Study(folder / "runs")
    study.grid(
        adaptation=["linear_probe", "lora"],
        fraction=[0.1, 1.0],
        seed=[1, 2, 3],
        domains=[EVIL],
        slides=[8],
        dataset=["=1+1 <b>$\\foo$|"],
        backbone=["uni", EVIL[1].replace("/", "")[:30]],
        positive=["@mitosis <i>"],
    )
    failed = study.folder({"backbone": "uni", "adaptation": "lora", "fraction": 1.0, "seed": 9})
    failed.mkdir(parents=True)
    (failed / "FAILED").write_text(f"Traceback\nValueError: {EVIL[3]}{EVIL[0]}<b>")
    make_report(study.runs, "made_up", folder / "out", folder / "cache", crops=False)
    return folder / "out"


def texts(out: Path, kind: str) -> dict[str, str]:
    found = {file.name: file.read_bytes().decode() for file in out.rglob(f"*.{kind}")}
    assert found
    return found


@pytest.mark.parametrize("kind", ["csv", "md", "tex", "html", "svg"])
def test_no_control_character_is_written(out: Path, kind: str) -> None:
    for name, text in texts(out, kind).items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), name


def test_no_entry_of_a_csv_is_a_formula_and_all_read_back(out: Path) -> None:
    read = set()
    for file in out.rglob("*.csv"):
        for entry in pd.read_csv(file, dtype=str, keep_default_na=False).to_numpy().ravel():
            assert not re.match(r"[=@\t\r]|[-+](?![\d.]+(e-?\d+)?$)", entry), (file, entry)
        read |= {one for one in read_csv(file).to_numpy().ravel() if isinstance(one, str)}
    assert {EVIL[0], EVIL[3], "=1+1 <b>$\\foo$|"} <= {one.removeprefix("domain:") for one in read}


def test_markdown_has_its_columns_and_no_html(out: Path) -> None:
    for name, text in texts(out, "md").items():
        rows = [line for line in text.splitlines() if line.startswith("|")]
        columns = {len(re.split(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows}
        assert len(columns) == 1, name
        assert not re.search(r"<\w|(?<!\\)`|\]\(", text), name


def test_latex_has_no_command_of_theirs(out: Path) -> None:
    for name, text in texts(out, "tex").items():
        body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("%"))
        assert "\\input{" not in body, name
        assert "\\foo" not in body, name
        assert not re.search(r"(?<!\\)[#]|(?<!\\)%(?!\s*$)", body), name


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_has_no_tag_of_theirs_and_its_figures_are_whole(out: Path) -> None:
    parser = _Tags()
    parser.feed((out / "report.html").read_text())
    assert not [tag for tag, has in parser.found if tag in ("b", "i") or any(key.startswith("on") for key in has)]
    figures = [has["src"] for tag, has in parser.found if tag == "img"]
    assert figures
    assert all(src.startswith("data:image/svg+xml,") for src in figures)
    for src in figures:
        ElementTree.fromstring(unquote(src.partition(",")[2]))


@pytest.mark.parametrize(("escape", "shown"), [
    (escape_markdown, r"a\\\|b &lt;c&gt; \`d\` [e]\(f) \\x1b"),
    (escape_latex, r"a\textbackslash{}|b <c> `d` [e](f) \textbackslash{}x1b"),
])  # fmt: skip
def test_what_each_language_sees(escape: Callable[[object], str], shown: str) -> None:
    assert escape("a\\|b <c> `d` [e](f) \x1b") == shown
