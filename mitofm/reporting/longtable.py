"""A table as LaTeX's longtable (packages booktabs and longtable), whose text is escaped already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def write_longtable(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """The text that `pandas.DataFrame.to_latex` gives, which asks jinja for each entry and takes twenty times as long."""
    heads = f"\\toprule\n{' & '.join(columns)} \\\\\n\\midrule\n"
    return "".join(
        [
            f"\\begin{{longtable}}{{{'l' * len(columns)}}}\n\\caption{{{caption}}} \\\\\n{heads}\\endfirsthead\n",
            f"\\caption[]{{{caption}}} \\\\\n{heads}\\endhead\n",
            f"\\midrule\n\\multicolumn{{{len(columns)}}}{{r}}{{Continued on next page}} \\\\\n\\midrule\n\\endfoot\n",
            "\\bottomrule\n\\endlastfoot\n",
            *(f"{' & '.join(row)} \\\\\n" for row in rows),
            "\\end{longtable}\n",
        ]
    )
