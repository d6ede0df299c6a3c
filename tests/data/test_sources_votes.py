"""Votes of experts as two numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from mitofm.data.sources.votes import count
from mitofm.errors import MitofmError


@pytest.mark.parametrize(
    ("positive", "votes"),
    [
        (["AMF"], {"e1": ["AMF", " amf", "NMF"], "e2": ["NMF", "AMF ", "NMF"], "e3": ["AMF", "", None]}),
        ([1], {"e1": ["1", "1.0", "0"], "e2": ["0.0", "1", "0"], "e3": ["1.00", None, " "]}),
        ([True], {"e1": ["True", "TRUE", "False"], "e2": ["False", "true", "FALSE"], "e3": ["True", "", float("nan")]}),
    ],
)
def test_votes_are_counted_in_any_spelling(positive: list[object], votes: dict[str, list[str]]) -> None:
    counted = count(pd.DataFrame(votes, index=["a", "b", "c"]), positive)
    assert counted.to_dict("list") == {"votes_positive": [2, 2, 0], "votes": [3, 2, 2]}
    assert counted.index.tolist() == ["a", "b", "c"]


def test_a_sample_without_any_vote_is_named() -> None:
    votes = pd.DataFrame({"e1": ["x", ""], "e2": ["", " "]}, index=pd.RangeIndex(2, 4, name="row"))
    with pytest.raises(MitofmError, match=r"list\.csv: row 3: no expert voted \(1 such\): e1, e2 are empty"):
        count(votes, ["x"], "list.csv")
