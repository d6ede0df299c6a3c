"""Names and messages as they are printed: a stranger's text can move no cursor, hide nothing and fake no line."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.text import Text

# Control characters but for the tab; marks that turn the direction of a line or are not seen; halves of a character, which
# stand for bytes of a file's name that are no text and cannot be printed.
_HIDDEN = re.compile("[\x00-\x08\n-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def escape(text: object, lines: bool = False) -> str:
    """`text` with what is not seen in it spelt as Python does, \\x1b for instance; `lines` keeps the ends of lines."""
    return _HIDDEN.sub(lambda found: found[0] if lines and found[0] == "\n" else _spell(found[0]), str(text))


def find_hidden(text: str) -> bool:
    """Whether `escape` changes `text`."""
    return _HIDDEN.search(text) is not None


def tell(*lines: object, file: TextIO | None = None) -> None:
    """Print each of `lines` as one line, on stdout unless a `file` is given."""
    for line in lines:
        print(escape(line), file=file or sys.stdout, flush=True)


def tell_text(text: str) -> None:
    """Print a text of several lines, such as a log."""
    tell(*text.rstrip("\n").split("\n"))


def make_row(values: Iterable[object]) -> list[Text]:
    """Entries for a table of rich, which would read [red] in a plain string as a colour."""
    from rich.text import Text

    return [Text(escape(value)) for value in values]


class EscapedFormatter(logging.Formatter):
    """Writes a message as one line, and a traceback after it as several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the name is logging's
        """The line of the message."""
        return escape(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """All of a record."""
        return escape(super().format(record), lines=True)


class _EscapedRecord(logging.LogRecord):
    def getMessage(self) -> str:  # noqa: N802  the name is logging's
        return escape(super().getMessage())


def guard_terminal() -> None:
    """Escape, from now on in this process, what any library logs, and the traceback of an error that nobody catches."""
    logging.setLogRecordFactory(_EscapedRecord)
    sys.excepthook = _show_error


def _show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(escape(text, lines=True))


def _spell(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
