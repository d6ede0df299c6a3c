"""Votes of experts as two numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mitofm.data.sources.class_folders import ClassFolders
from mitofm.data.sources.crops_csv import CropsCsv
from mitofm.data.sources.points_csv import PointsCsv
from mitofm.data.sources.votes import count
from mitofm.ground.errors import MitofmError


@pytest.mark.parametrize(
    ("positive", "votes"),
    [
        (["AMF"], {"e1": ["AMF", " amf", "NMF"], "e2": ["NMF", "AMF ", "NMF"], "e3": ["AMF", "", None]}),
        ([1], {"e1": ["1", "1.0", "0"], "e2": ["0.0", "1", "0"], "e3": ["1.00", None, " "]}),
        ([True], {"e1": ["True", "TRUE", "False"], "e2": ["False", "true", "FALSE"], "e3": ["True", "", float("nan")]}),
    ],
)
def test_votes_are_counted_in_any_spelling(positive: list[object], votes: dict[str, list[str]]) -> None:
    counted = count(pd.DataFrame(votes, index=["a", "b", "c"]), list(votes), positive, Path("list.csv"))
    assert counted.to_dict("list") == {"votes_positive": [2, 2, 0], "votes": [3, 2, 2]}
    assert counted.index.tolist() == ["a", "b", "c"]


def test_a_sample_without_any_vote_is_named() -> None:
    votes = pd.DataFrame({"e1": ["x", ""], "e2": ["", " "]}, index=pd.RangeIndex(2, 4, name="row"))
    with pytest.raises(MitofmError, match=r"list\.csv: row 3: no expert voted \(1 such\): e1, e2 are empty"):
        count(votes, ["e1", "e2"], ["x"], Path("list.csv"))


@pytest.mark.parametrize("words", ["AMF", ["AMF"]])
def test_one_word_of_a_vote_may_stand_for_itself(tmp_path: Path, words: str | list[str]) -> None:
    """A word is not the list of its letters, none of which anybody voted."""
    for name in ("p/1.png", "n/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "cells.csv").write_text("filename,x,y,label,e1,e2\np/1.png,1,2,1,AMF,NMF\nn/2.png,3,4,0,NMF,NMF\n")
    columns = {"crop": "filename", "votes": ["e1", "e2"]}
    crops = {"columns": columns, "domains": "breast", "vote_words": words}
    for source in (
        PointsCsv(
            tmp_path, "x", "cells.csv", positive=1, negative=0, columns={"votes": ["e1", "e2"]}, vote_words=words
        ),
        CropsCsv(tmp_path, "x", "cells.csv", **{**crops, "columns": columns | {"label": "label"}}),
        ClassFolders(tmp_path, "x", ["p"], ["n"], 64, "cells.csv", **crops),
    ):
        table = source.table().set_index("label")
        assert table["votes_positive"].to_dict() == {1: 1, 0: 0}
        assert table["votes"].tolist() == [2, 2]
