"""Domain, species and scanner of images as the config states them: for all, by name, or by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from mitofm.data.sources.spelling import FIELDS, list_names
from mitofm.ground.errors import MitofmError

Rules = str | Mapping[Any, Any] | Sequence[Mapping[str, Any]] | None


def fill(samples: pd.DataFrame, files: pd.Series, rules: Rules, origin: str) -> pd.DataFrame:
    """`samples` with domain, species and scanner: what they have already, else what `rules` state of their images.

    The rules are one of:
    - a word: the domain of all images;
    - a map from an image to its domain, or to a map of some of `domain`, `species`, `scanner`. The key is the image's path
      or name, with ending or without, or its number, or a shell pattern (`*.svs`); names are tried before patterns;
    - a list of rules, of which the first that covers an image counts. Each states some of `domain`, `species`, `scanner`;
      `files` limits it to the images of that name, or, as `[first, last]`, to those whose name is a number in that range.

    A field that is not known of any image is left out. MitofmError if a rule states something else, or an image has no
    domain.

    `files` are the image of each, as its file names it.
    """
    listed = list(_list_rules(rules))
    said = {file: _apply_rules(file, listed) for file in files.unique()}
    for field in FIELDS:
        own = samples[field] if field in samples else pd.Series(None, samples.index, dtype=object)
        stated = pd.Series([said[file].get(field) for file in files], samples.index, dtype=object)
        samples[field] = own.where(own.notna(), stated)
    without = samples["domain"].isna()
    if without.any():
        raise MitofmError(
            f"{origin}: no domain is known of {files[without].iloc[0]} and {files[without].nunique() - 1} other images. "
            "Name it under data.source.domains: one word for all images, or a map from their names"
        )
    return samples.dropna(axis="columns", how="all")


def state_domain(rules: Rules) -> bool:
    """Whether `rules` state the domain of any image."""
    return any("domain" in rule for rule in _list_rules(rules))


def _list_rules(rules: Rules) -> Iterator[Mapping[str, Any]]:
    if isinstance(rules, str):
        yield {"domain": rules}
    elif isinstance(rules, Mapping) and not {*FIELDS, "files"}.isdisjoint(rules):
        yield rules
    elif isinstance(rules, Mapping):
        for name in sorted(rules, key=_is_pattern):
            said = rules[name]
            yield {"files": name, **(said if isinstance(said, Mapping) else {"domain": said})}
    elif isinstance(rules, (list, tuple)) and all(isinstance(rule, Mapping) for rule in rules):
        yield from rules
    elif rules is not None:
        raise MitofmError(
            f"data.source.domains={rules!r}: give a word (the domain of all images), a map from images to domains, or a list of "
            "rules such as {files: [1, 50], domain: lung}"
        )


def _apply_rules(file: str, rules: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    for rule in rules:
        more = sorted(set(rule) - {*FIELDS, "files"})
        if more:
            raise MitofmError(f"data.source.domains: unknown {', '.join(more)}. There is: files, {', '.join(FIELDS)}")
        if _covers(rule.get("files"), file):
            return {field: rule[field] for field in FIELDS if field in rule}
    return {}


def _covers(files: Any, file: str) -> bool:
    stem = PurePosixPath(file).stem
    number = int(stem) if stem.isdecimal() else None
    if files is None:
        return True
    if isinstance(files, int):
        return files == number
    if isinstance(files, str):
        return any(name == files or (_is_pattern(files) and fnmatchcase(name, files)) for name in list_names(file))
    if not (isinstance(files, (list, tuple)) and len(files) == 2 and all(isinstance(one, int) for one in files)):
        raise MitofmError(
            f"data.source.domains: files={files!r}: give one name, pattern or number, or the [first, last] of a range of numbers"
        )
    first, last = files
    return number is not None and first <= number <= last


def _is_pattern(name: Any) -> bool:
    return isinstance(name, str) and any(mark in name for mark in "*?[")
