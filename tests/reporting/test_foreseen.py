from __future__ import annotations

import pandas as pd
import pytest

from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import replicate
from mitofm.reporting.foreseen import CountedSet

LOGITS = [0.3, -1.2, 2.0, 0.1, 0.7, -0.4]


@pytest.mark.parametrize(
    ("slides", "labels", "why"),
    [
        ("aabbccddeeff", "010101010101", ""),
        ("aabbccddee", "0101010101", "under 6 slides"),
        ("aabcdefghijklmnopqrst", "01" + 19 * "0", "one slide holds a whole class"),
        ("abcdef" + 40 * "g", "010101" + 20 * "01", "few slides hold nearly all samples"),
        ("abcdefg", "0000000", "no seed has samples of both classes"),
    ],
)
def test_what_is_drawn_lacks_an_interval_exactly_if_what_is_measured_does(slides: str, labels: str, why: str) -> None:
    tested = pd.DataFrame({"slide": list(slides), "label": list(map(int, labels))})
    tested["sample_id"] = [f"{number:03d}" for number in range(len(tested))]
    tested["logit"] = [LOGITS[number % 6] for number in range(len(tested))]
    drawn = CountedSet.of(tested).imagine(("cell", "all"))
    measured = replicate(tested, 0.0)
    assert (drawn.slides, drawn.negatives, drawn.positives) == (measured.slides, measured.negatives, measured.positives)
    assert statistics.estimate([drawn]).why == statistics.estimate([measured]).why == why
