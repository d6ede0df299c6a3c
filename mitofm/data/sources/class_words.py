"""Words that people commonly give the two classes, for data whose config names none: those of the field, and vaguer ones."""

from __future__ import annotations

from collections.abc import Iterable

from mitofm.data import tabular
from mitofm.data.sources import classes
from mitofm.data.sources.spelling import strip_marks


def _strip(word: str) -> str:
    return strip_marks(tabular.drop_decimals(word.strip()))


def _split(field: str, further: str) -> frozenset[str]:
    return frozenset(map(_strip, (*field.split(","), *further.split(","))))


POSITIVE = _split(
    classes.POSITIVE,
    """1, yes, pos, positives, MFs, AMF, AMFs, atypical, atypical mitosis, atypical mitoses, atypical mitotic figure,
    atypical mitotic figures""",
)
NEGATIVE = _split(
    classes.NEGATIVE,
    """0, no, neg, negatives, NMF, NMFs, non-MF, normal, normal mitosis, normal mitoses, normal mitotic figure,
    normal mitotic figures, typical, typical mitosis, hard negative mitosis, mimic, mimics, mitotic-like, other, others""",
)


def tell_classes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of `words` that commonly mean the positive class, and those that mean the negative one.

    Case, blanks and punctuation do not count; "1.0" is "1". Both lists are empty unless each class has one word: what
    `MF` beside `AMF`, or `hard negative` beside `normal` mean, the user must say.
    """
    spelled = {word: _strip(word) for word in words}
    positive = [word for word, one in spelled.items() if one in POSITIVE]
    negative = [word for word, one in spelled.items() if one in NEGATIVE]
    if len({spelled[word] for word in positive}) == 1 == len({spelled[word] for word in negative}):
        return positive, negative
    return [], []
