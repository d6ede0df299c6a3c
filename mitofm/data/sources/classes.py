"""From the classes of a file to labels, by what the config states, or by words that people commonly give the classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mitofm.data import tabular
from mitofm.data.sources.spelling import list_words, strip_marks
from mitofm.ground.errors import MitofmError, NoSamples, unknown

OTHERS = "others"

POSITIVE = """
    mitosis, mitoses, mitotic, mitotic figure, mitotic figures, mitotic cell, mitotic cells, MF, positive, true
"""
NEGATIVE = """
    non-mitosis, non-mitoses, non-mitotic, non-mitotic figure, non-mitotic figures, non-mitotic cell, non-mitotic cells,
    not mitosis, not mitotic, not a mitosis, not mitotic figure, not mitotic figures, not a mitotic figure, no mitosis,
    hard negative, hard negatives, hard negative look-alike, hard negative look-alikes, look-alike, look-alikes,
    mitotic look-alike, mitotic look-alikes, mitosis-like, mitotic-like figure, mitotic-like figures,
    imposter, imposters, impostor, impostors, negative, false
"""
"""Words that mean one thing in all of the field, whatever their case, blanks and hyphens. They are understood if the config
states only the usual numbers, 1 and 0. NMF is none of them: it is "non-mitotic" in one task and "normal" in another."""

Names = str | int | Sequence[str | int]


@dataclass(frozen=True)
class Classes:
    """Which classes of a file are which label, each by its name or its number in the file.

    Attributes:
        positive: those of label 1.
        negative: those of label 0.
        ignored: those that are no sample of the task; "others": every class that is not named, and entries without class.
    """

    positive: Names
    negative: Names
    ignored: Names = ()

    def to_labels(self, found: pd.Series, origin: str, known: Mapping[str, str] | None = None) -> pd.Series:
        """The labels (0 or 1) of the entries whose class is not ignored.

        Unless the file lists its classes, `1.0` is 1, `TRUE` is True, and the words of the field
        (`POSITIVE`, `NEGATIVE`) are understood.

        Args:
            found: the class of each entry, as the file gives it, "" if it has none; the index says what an entry is
                called ("row" 5).
            known: number -> name of the file's classes, if it lists them.

        Raises:
            MitofmError: a class in the config that the file does not list, or one in the file that the config omits.
            NoSamples: no entry is left.
        """
        mapping = self._map_names(origin, known)
        as_given = found.map(lambda one: str(one).strip())
        found = as_given
        if known is None:
            found = as_given.map({word: _find_name(word, mapping) for word in as_given.unique()})
        strange = ~found.isin(list(mapping))
        if self.ignored == OTHERS:
            found = found[~strange]
        elif strange.any():
            raise self._strange(as_given, strange, origin, mapping)
        labels = found.map(mapping).dropna().astype("int64")
        if as_given.empty:
            raise NoSamples(f"{origin}: it has no {found.index.name or 'entrie'}s: nothing is labelled in it")
        if labels.empty:
            raise NoSamples(f"{origin}: no entry is of a class that the config names ({', '.join(mapping)})")
        return labels

    def positives(self, known: Mapping[str, str]) -> set[str]:
        """The classes of label 1, each by its number in the file and by its name; `known` as in `labels`."""
        return _name_both_ways(self.positive, known)

    def negatives(self, known: Mapping[str, str]) -> set[str]:
        """The classes of label 0, in the same way."""
        return _name_both_ways(self.negative, known)

    def words(self) -> set[str]:
        """What a file that lists no classes may call label 1, in any case."""
        usual = _is_usual(self._map_names("", None))
        return self.positives({}) | ({word.strip() for word in POSITIVE.split(",")} if usual else set())

    @staticmethod
    def _strange(found: pd.Series, strange: pd.Series, origin: str, mapping: Mapping[str, int | None]) -> MitofmError:
        """The error for entries of a class that the config does not name."""
        first = int(strange.to_numpy().argmax())
        place = f"{found.index.name} {found.index[first]}"
        if (found[strange] == "").all():
            return MitofmError(
                f"{origin}: {int(strange.sum())} of {len(found)} {found.index.name}s have no class, the first is {place}. "
                "data.source.ignored=others leaves them out"
            )
        return MitofmError(
            f"{origin}: {place}: its class is {found.iloc[first]!r}, to which the config gives no label "
            f"({int(strange.sum())} such). Name it under data.source.positive, data.source.negative or data.source.ignored (others: all "
            f"that are not named); they name: {', '.join(mapping)}"
        )

    def _map_names(self, origin: str, known: Mapping[str, str] | None) -> dict[str, int | None]:
        """The label of each class that the config names, None for the ignored, by the number it has in the file."""
        numbers = {name: number for number, name in (known or {}).items()}
        mapping: dict[str, int | None] = {}
        ignored = () if self.ignored == OTHERS else self.ignored
        for label, names in ((1, self.positive), (0, self.negative), (None, ignored)):
            for name in map(str, list_words(names)):
                if known is None:
                    name = tabular.drop_decimals(name)
                elif name not in known and name not in numbers:
                    raise unknown("class", name, [*known, *numbers], place=origin)
                if mapping.setdefault(numbers.get(name, name), label) != label:
                    raise MitofmError(f"{origin}: the config gives class {name!r} two meanings; name it once")
        return mapping


def _find_name(word: str, mapping: Mapping[str, int | None]) -> str:
    """What the config calls the class that a file calls `word`; the word itself if it does not name it."""
    meant = (
        word,
        tabular.drop_decimals(word),
        word.capitalize() if word.casefold() in _TRUTH else word,
        _WORDS.get(_plain(word), word) if _is_usual(mapping) else word,
    )
    return next((name for name in meant if name in mapping), word)


def _is_usual(mapping: Mapping[str, int | None]) -> bool:
    """Whether the config states the usual numbers, and no other classes."""
    return {name: label for name, label in mapping.items() if label is not None} == {"1": 1, "0": 0}


def _name_both_ways(names: Names, known: Mapping[str, str]) -> set[str]:
    """Classes by number and by name, however `names` calls them."""
    listed = set(map(str, list_words(names)))
    return listed | {word for item in known.items() if listed & set(item) for word in item}


def _plain(word: str) -> str:
    return re.sub(r"[\s_\-]+", "", word.casefold())


_TRUTH = ("true", "false")
_WORDS = {_plain(word): label for label, words in (("1", POSITIVE), ("0", NEGATIVE)) for word in words.split(",")}


def _strip(word: str) -> str:
    return strip_marks(tabular.drop_decimals(word.strip()))


def _split(field: str, further: str) -> frozenset[str]:
    return frozenset(map(_strip, (*field.split(","), *further.split(","))))


_COMMONLY_POSITIVE = _split(
    POSITIVE,
    """1, yes, pos, positives, MFs, AMF, AMFs, atypical, atypical mitosis, atypical mitoses, atypical mitotic figure,
    atypical mitotic figures""",
)
_COMMONLY_NEGATIVE = _split(
    NEGATIVE,
    """0, no, neg, negatives, NMF, NMFs, non-MF, normal, normal mitosis, normal mitoses, normal mitotic figure,
    normal mitotic figures, typical, typical mitosis, hard negative mitosis, mimic, mimics, mitotic-like, other, others""",
)


def tell_classes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of `words` that commonly mean the positive class, and those that mean the negative one.

    Case, blanks and punctuation do not count; "1.0" is "1". Both lists are empty unless each class has one word: what
    `MF` beside `AMF`, or `hard negative` beside `normal` mean, the user must say.
    """
    spelled = {word: _strip(word) for word in words}
    positive = [word for word, one in spelled.items() if one in _COMMONLY_POSITIVE]
    negative = [word for word, one in spelled.items() if one in _COMMONLY_NEGATIVE]
    if len({spelled[word] for word in positive}) == 1 == len({spelled[word] for word in negative}):
        return positive, negative
    return [], []
