"""From the words of a file to labels."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mitofm.data.sources.classes import Classes
from mitofm.ground.errors import MitofmError


def labels(*found: str, positive: Any = (1,), negative: Any = (0,), ignored: Any = ()) -> list[int]:
    words = pd.Series(found, pd.RangeIndex(2, len(found) + 2, name="row"), dtype=object)
    return Classes(positive, negative, ignored).to_labels(words, "f").tolist()


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("1", "0"),
        ("1.0", "0.0"),
        ("1,0", "0,0"),
        ("Mitosis", "Non-mitosis"),
        ("MITOTIC FIGURE", "not mitotic figure"),
        ("mitotic figures", "Hard_Negative"),
        ("MF", "Look-alike"),
        ("Positive", "NEGATIVE"),
        ("TRUE", "False"),
        ("mitotic_figure", "hard negative look-alikes"),
        ("Mitoses", "nonmitotic"),
        ("mitosis", "Imposters"),
    ],
)
def test_the_usual_numbers_stand_for_the_words_of_the_field(positive: str, negative: str) -> None:
    assert labels(positive, negative, positive) == [1, 0, 1]


def test_words_are_not_guessed_if_the_config_states_others() -> None:
    assert labels("Mitosis", "x", positive=["Mitosis"], negative=["x"]) == [1, 0]
    for positive, negative in (([1], [2]), (["Mitosis"], [0]), ([0], [1])):
        with pytest.raises(MitofmError, match="its class is 'MF'"):
            labels("MF", positive=positive, negative=negative)


def test_nmf_means_two_things_and_is_not_guessed() -> None:
    with pytest.raises(
        MitofmError, match=r"row 3: its class is 'NMF', .*source\.ignored \(others: all that are not named\)"
    ):
        labels("MF", "NMF")


@pytest.mark.parametrize("word", ["True", "TRUE", "true"])
def test_truth_has_one_spelling(word: str) -> None:
    assert labels(word, positive=[True], negative=[False]) == [1]


def test_numbers_of_a_config_have_one_spelling_too() -> None:
    assert labels("2", "1.0", positive=[1], negative=[2.0]) == [0, 1]
    assert labels("01", positive=["01"], negative=[2]) == [1]
    with pytest.raises(MitofmError, match="its class is '01'"):
        labels("01")


def test_entries_without_a_class_are_counted_with_the_way_out() -> None:
    with pytest.raises(
        MitofmError, match=r"^f: 2 of 3 rows have no class, the first is row 2\. data\.source\.ignored=others leaves"
    ):
        labels("", "1", "")
    assert labels("", "1", "Tumor", ignored="others") == [1]
    with pytest.raises(MitofmError, match="no entry is of a class that the config names"):
        labels("", ignored="others")


def test_a_files_own_list_of_classes_is_taken_to_the_letter() -> None:
    found = pd.Series(["1", "2"], pd.RangeIndex(2, name="annotation"), dtype=object)
    known = {"1": "Mitosis", "2": "1.0"}
    assert Classes(["Mitosis"], ["1.0"]).to_labels(found, "f", known).tolist() == [1, 0]
