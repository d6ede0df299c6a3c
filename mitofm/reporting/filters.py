"""By what a reader may narrow the page: whatever names a model, an adaptation or a domain is about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

KINDS = ("backbone", "adaptation", "domain")


@dataclass(frozen=True)
class Filters:
    """The values of each of `KINDS`; only a kind with several is offered."""

    values: Mapping[str, Sequence[str]]

    @classmethod
    def join(cls, parts: Iterable[Filters]) -> Filters:
        """Those of several chapters."""
        parts = list(parts)
        return cls({kind: list(dict.fromkeys(v for part in parts for v in part.values[kind])) for kind in KINDS})

    @property
    def offered(self) -> dict[str, Sequence[str]]:
        """The kinds that there are several values of."""
        return {kind: values for kind, values in self.values.items() if len(values) > 1}

    def list_tokens(self, named: Iterable[object]) -> str:
        """The values among `named`, as the page's script knows them: "backbone0 domain2"."""
        names = {str(name).removeprefix("all but ") for name in named}
        return " ".join(
            f"{kind}{place}"
            for kind, values in self.offered.items()
            for place, value in enumerate(values)
            if value in names
        )
