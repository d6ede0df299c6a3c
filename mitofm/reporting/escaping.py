"""Names as they stand in a table of Markdown or LaTeX: as text, never as marks of the language."""

from __future__ import annotations

from mitofm.ground.terminal import escape

_MARKDOWN = str.maketrans({"\\": r"\\", "|": r"\|", "`": r"\`", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\t": " "})
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


def escape_markdown(text: object) -> str:
    """`text` for Markdown that may hold HTML: no column, code, tag, link or image begins in it."""
    return escape(text).translate(_MARKDOWN).replace("](", "]\\(")


def escape_latex(text: object) -> str:
    """`text` for LaTeX: no command, comment or formula begins in it."""
    return escape(text).translate(_LATEX)


def quote_css(text: object) -> str:
    """`text` as a string of CSS that may stand in an attribute: letters, digits and blanks as they are, all else by its number."""
    return '"' + "".join(one if one.isalnum() or one == " " else f"\\{ord(one):06x} " for one in escape(text)) + '"'
