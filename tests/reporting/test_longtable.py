from __future__ import annotations

import pandas as pd

from mitofm.reporting.longtable import write_longtable


def test_it_is_the_text_that_pandas_writes() -> None:
    frame = pd.DataFrame({"a name": ["x", r"100 \%"], "b": ["", "1.2"]})
    expected = frame.to_latex(index=False, escape=False, longtable=True, caption=r"What \& why")
    rows = frame.itertuples(index=False, name=None)
    assert write_longtable(list(frame.columns), rows, r"What \& why") == expected
