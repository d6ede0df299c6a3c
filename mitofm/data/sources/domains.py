"""Domain, species and scanner of the images, where the config states them: for all, or by the numbers in their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from mitofm.errors import MitofmError

FIELDS = ("domain", "species", "scanner")

Rules = Sequence[Mapping[str, Any]]


def fill(cells: pd.DataFrame, files: pd.Series, rules: Rules, origin: str) -> pd.DataFrame:
    """`cells` with domain, species and scanner: what they have already, else what `rules` state of their images.

    A rule states some of `domain`, `species`, `scanner`; `files: [first, last]` limits it to images whose name is a
    number in that range, both included. The first rule that covers an image speaks. A field that nobody knows is left
    out.

    Args:
        cells: one row per cell.
        files: the image of each, as its file names it.
        rules: from the config.
        origin: the annotation file, for messages.

    Raises:
        MitofmError: a rule states something else, or an image has no domain.
    """
    said = {file: _stated(file, rules) for file in files.unique()}
    for field in FIELDS:
        own = cells[field] if field in cells else pd.Series(None, cells.index, dtype=object)
        stated = pd.Series([said[file].get(field) for file in files], cells.index, dtype=object)
        cells[field] = own.where(own.notna(), stated)
    without = cells["domain"].isna()
    if without.any():
        raise MitofmError(
            f"{origin}: no domain is known of {files[without].iloc[0]} and {files[without].nunique() - 1} other images. "
            "Name it under source.domains: for all images, or by the numbers in their names"
        )
    return cells.dropna(axis="columns", how="all")


def _stated(file: str, rules: Rules) -> dict[str, str]:
    name = PurePosixPath(file).stem
    for rule in rules:
        more = sorted(set(rule) - {*FIELDS, "files"})
        if more:
            raise MitofmError(f"source.domains: unknown {', '.join(more)}. There is: files, {', '.join(FIELDS)}")
        first, last = rule.get("files", (None, None))
        if first is None or (name.isdecimal() and first <= int(name) <= last):
            return {field: rule[field] for field in FIELDS if field in rule}
    return {}
