"""The votes of experts, one column of words each, as two numbers for every sample."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import VOTES
from mitofm.ground.errors import MitofmError

Words = Sequence[object] | str | float | None


def count(read: pd.DataFrame, columns: Sequence[str], positive: Collection[object], path: Path) -> pd.DataFrame:
    """`votes_positive` and `votes` of every sample, with the index of `read`.

    MitofmError if a column is missing, or a sample has no vote at all.

    Args:
        read: the table in `path`, one row per sample, text; empty or missing: this expert did not vote.
        columns: one per expert.
        positive: the words of a positive vote. Case and blanks do not count, "1", "1.0" and 1 are one word, and so are
            "True" and True. Every other word is a vote against.
    """
    missing = [column for column in columns if column not in read]
    if missing:
        raise MitofmError(
            f"{path} lacks the column(s) of votes {', '.join(missing)}; it has: {', '.join(map(str, read))}. Correct "
            "data.source.columns.votes, or set it to null"
        )
    words = read[list(columns)].map(_spell)
    voted = words.ne("")
    none = ~voted.any(axis=1)
    if none.any():
        raise MitofmError(
            f"{path}: {read.index.name or 'row'} {read.index[none][0]}: no expert voted ({int(none.sum())} such): "
            f"{', '.join(columns)} are empty. Complete them, or leave the columns of votes out"
        )
    return pd.DataFrame(
        {VOTES[0]: words.isin({_spell(word) for word in positive}).sum(axis=1), VOTES[1]: voted.sum(axis=1)}
    )


def _spell(word: object) -> str:
    """`word` in one spelling; "" if it is missing."""
    if word is None or word != word:
        return ""
    text = str(word).strip().casefold()
    try:
        return f"{float(text):g}" if text[:1] in "+-.0123456789" else text
    except ValueError:
        return text
