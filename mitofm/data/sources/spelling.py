"""The words of a file in the spelling of the config."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mitofm.data.sources.domains import FIELDS


def respell(samples: pd.DataFrame, spelling: Mapping[str, str]) -> pd.DataFrame:
    """`samples` with domain, species and scanner as `spelling` has them, where it has them.

    Args:
        samples: one row per sample; the three columns if it has them.
        spelling: a word of the file -> how it is spelled: {Hamammatsu XR: Hamamatsu XR, Canine: canine}. {}: as they are.
    """
    known = {str(word): one for word, one in spelling.items()}
    return samples.assign(
        **{
            field: samples[field].map(lambda word: known.get(str(word).strip(), word))
            for field in FIELDS
            if field in samples
        }
    )
