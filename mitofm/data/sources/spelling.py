"""The words of a file in the spelling of the config."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mitofm.data.sources.domains import FIELDS


def respell(cells: pd.DataFrame, spelling: Mapping[str, str]) -> pd.DataFrame:
    """`cells` with domain, species and scanner as `spelling` has them, where it has them.

    Args:
        cells: one row per sample; the three columns if it has them.
        spelling: a word of the file -> how it is spelled: {Hamammatsu XR: Hamamatsu XR, Canine: canine}. {}: as they are.
    """
    known = {str(word): one for word, one in spelling.items()}
    return cells.assign(
        **{
            field: cells[field].map(lambda word: known.get(str(word).strip(), word))
            for field in FIELDS
            if field in cells
        }
    )
