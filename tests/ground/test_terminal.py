"""What a stranger wrote is printed as text: no cursor moves, nothing is hidden, no line is faked."""

import ast
import logging
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

import mitofm
from mitofm.ground import terminal
from mitofm.ground.errors import MitofmError, describe_fault

BAD = "lung\x1b[2J\x1b]0;owned\x07\r\nDONE\x9b31m\u202egpj.\u2028"
SPELT = r"lung\x1b[2J\x1b]0;owned\x07\r\nDONE\x9b31m\u202egpj.\u2028"


def test_what_is_not_seen_is_spelt_out() -> None:
    assert terminal.escape(BAD) == SPELT
    assert terminal.escape(terminal.escape(BAD)) == SPELT
    assert terminal.escape("a byte that is no text: \udc80") == r"a byte that is no text: \udc80"
    assert terminal.escape("two\nlines\tand a tab: µm, 乳腺, \N{FAMILY}", lines=True) == (
        "two\nlines\tand a tab: µm, 乳腺, \N{FAMILY}"
    )


def test_each_thing_told_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.tell(BAD, "and another")
    terminal.tell(BAD, file=sys.stderr)
    terminal.tell_text("first\nsecond \x1b[1m\n")
    told = capsys.readouterr()
    assert told.out == f"{SPELT}\nand another\nfirst\nsecond \\x1b[1m\n"
    assert told.err == f"{SPELT}\n"


def test_an_error_is_one_line() -> None:
    assert describe_fault(MitofmError(BAD)) == SPELT
    assert describe_fault(OSError(2, "No such file", BAD)) == f"{SPELT}: No such file"


def test_a_table_of_rich_holds_names_and_no_markup() -> None:
    grid = Table("domain")
    grid.add_row(*terminal.make_row(["[red]lung[/red] [link=https://a.b]x[/link]\x1b[2J"]))
    with (console := Console(width=90)).capture() as seen:
        console.print(grid)
    assert r"[red]lung[/red] [link=https://a.b]x[/link]\x1b[2J" in seen.get()


def test_what_is_logged_is_one_line_and_its_traceback_several(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogRecordFactory(), sys.excepthook
    terminal.guard_terminal()
    try:
        log = logging.getLogger("somebody's library")
        log.propagate = False  # earlier commands in this process may have left handlers
        plain = logging.StreamHandler(sys.stderr)
        log.addHandler(plain)
        log.warning("domain %s", BAD)
        plain.setFormatter(terminal.EscapedFormatter("%(levelname)s %(message)s"))
        try:
            raise ValueError(BAD)
        except ValueError as error:
            log.exception("it failed: %s", error)
            sys.excepthook(ValueError, error, error.__traceback__)
        log.removeHandler(plain)
    finally:
        logging.setLogRecordFactory(before[0])
        sys.excepthook = before[1]
    told = capsys.readouterr().err
    assert told.startswith(f"domain {SPELT}\nERROR it failed: {SPELT}\nTraceback (most recent call last):\n  File")
    assert not set("\x1b\r\x9b\u202e") & set(told)


OWN_WORDS = {"cli.py": 4, "commands/datasets.py": 1, "commands/sweeping/parallel.py": 1, "runs/progress.py": 1}
"""Prints of nothing but our own words, or of what is escaped there."""


def test_nothing_is_printed_past_it() -> None:
    package = Path(mitofm.__file__).parent
    found: dict[str, int] = {}
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                name = file.relative_to(package).as_posix()
                found[name] = found.get(name, 0) + 1
    assert found == OWN_WORDS | {"ground/terminal.py": 1}
