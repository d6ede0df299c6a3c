"""Arguments that name several values of a key, where a command takes them one by one."""

from __future__ import annotations

from collections.abc import Sequence


def split(arguments: Sequence[str], *keys: str) -> list[list[str]]:
    """The arguments once for each combination of the values of these keys, `backbone=a,b`."""
    found = [list(arguments)]
    for place, word in enumerate(arguments):
        key, _, values = word.partition("=")
        if key in keys:
            found = [
                [*each[:place], f"{key}={value}", *each[place + 1 :]] for each in found for value in values.split(",")
            ]
    return found
