"""Words that people commonly give the two classes of mitotic figures, for data whose config names none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mitofm.data import tabular
from mitofm.data.sources.finding import plain


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POSITIVE = _words(
    "1 true yes pos positive positives amf amfs atypical atypicalmitosis atypicalmitoses atypicalmitoticfigure "
    "atypicalmitoticfigures mf mfs mitosis mitoses mitotic mitoticfigure mitoticfigures mitoticcell mitoticcells"
)
NEGATIVE = _words(
    "0 false no neg negative negatives nmf nmfs normal normalmitosis normalmitoses normalmitoticfigure "
    "normalmitoticfigures typical typicalmitosis nonmf nonmitosis nonmitoses nonmitotic nonmitoticfigure "
    "nonmitoticfigures nonmitoticcell nonmitoticcells notmitosis notmitotic notmitoticfigure notmitoticfigures nomitosis "
    "hardnegative hardnegatives hardnegativemitosis imposter imposters impostor impostors lookalike lookalikes mimic "
    "mimics mitosislike mitoticlike mitoticlikefigure other others"
)


def told(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of `words` that commonly mean the positive class, and those that mean the negative one.

    Case, blanks and punctuation do not count; "1.0" is "1". Both lists are empty unless each class has one word: `MF`
    beside `AMF`, or `hard negative` beside `normal`, is for the user to say.
    """
    spelled = {word: re.sub(r"[\W_]", "", plain(tabular.whole(word.strip()))) for word in words}
    positive = [word for word, one in spelled.items() if one in POSITIVE]
    negative = [word for word, one in spelled.items() if one in NEGATIVE]
    if len({spelled[word] for word in positive}) == 1 == len({spelled[word] for word in negative}):
        return positive, negative
    return [], []
