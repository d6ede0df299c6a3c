"""From the classes of a file to labels, by what the config states; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mitofm.errors import MitofmError, unknown

OTHERS = "others"

Names = str | int | Sequence[str | int]


@dataclass(frozen=True)
class Classes:
    """Which classes of a file are which label, each by its name or its number in the file.

    Attributes:
        positive: those of label 1.
        negative: those of label 0.
        ignored: those that are no cell of the task; "others": every class that is not named.
    """

    positive: Names
    negative: Names
    ignored: Names = ()

    def labels(self, found: pd.Series, origin: str, known: Mapping[str, str] | None = None) -> pd.Series:
        """The labels (0 or 1) of the entries whose class is not ignored.

        Args:
            found: the class of each entry, as the file gives it; the index says what an entry is called ("row" 5).
            origin: the file, for messages.
            known: number -> name of the file's classes, where it lists them.

        Raises:
            MitofmError: a class in the config that the file does not list, or one in the file that the config omits.
        """
        mapping = self._mapping(origin, known)
        found = found.map(lambda one: str(one).strip())
        strange = ~found.isin(list(mapping))
        if self.ignored == OTHERS:
            found = found[~strange]
        elif strange.any():
            first = int(strange.to_numpy().argmax())
            raise MitofmError(
                f"{origin}: {found.index.name} {found.index[first]}: its class is {found.iloc[first]!r}, to which the "
                f"config gives no label ({int(strange.sum())} such). Name it under source.positive, source.negative or "
                f"source.ignored; they name: {', '.join(mapping)}"
            )
        labels = found.map(mapping).dropna().astype("int64")
        if labels.empty:
            raise MitofmError(f"{origin}: no entry is of a class that the config names ({', '.join(mapping)})")
        return labels

    def positives(self, known: Mapping[str, str]) -> set[str]:
        """The classes of label 1, each by its number in the file and by its name; `known` as in `labels`."""
        return _both_ways(self.positive, known)

    def negatives(self, known: Mapping[str, str]) -> set[str]:
        """The classes of label 0, in the same way."""
        return _both_ways(self.negative, known)

    def _mapping(self, origin: str, known: Mapping[str, str] | None) -> dict[str, int | None]:
        """The label of each class that the config names, None for the ignored, by the number it has in the file."""
        numbers = {name: number for number, name in (known or {}).items()}
        mapping: dict[str, int | None] = {}
        ignored = () if self.ignored == OTHERS else self.ignored
        for label, names in ((1, self.positive), (0, self.negative), (None, ignored)):
            for name in map(str, [names] if isinstance(names, (str, int)) else names):
                if known is not None and name not in known and name not in numbers:
                    raise unknown("class", name, [*known, *numbers], place=origin)
                if mapping.setdefault(numbers.get(name, name), label) != label:
                    raise MitofmError(f"{origin}: the config gives class {name!r} two meanings; name it once")
        return mapping


def _both_ways(names: Names, known: Mapping[str, str]) -> set[str]:
    """Classes by number and by name, however `names` calls them."""
    listed = {str(name) for name in ([names] if isinstance(names, (str, int)) else names)}
    return listed | {word for item in known.items() if listed & set(item) for word in item}
