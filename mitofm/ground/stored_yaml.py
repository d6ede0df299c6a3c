"""Reads a YAML that mitofm has stored, and that a stranger may have changed: plain data, of limited size and depth.

What mitofm stores has no aliases, which multiply if they are nested, and is not deep.
"""

from __future__ import annotations

from typing import Any

import yaml

try:  # it reads the configs of a thousand cells in seconds, PyYAML without its C parts in a minute
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader


MOST_BYTES, DEEPEST = 2**22, 100


class _StoredLoader(SafeLoader):
    """Builds plain data only; refuses aliases, and whatever is nested deeper than `DEEPEST`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Called before each part is composed, by the C parts too."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested deeper than {DEEPEST}")
        super().descend_resolver(current_node, current_index)

    def ascend_resolver(self) -> None:
        """Called after each part."""
        self._depth -= 1
        super().ascend_resolver()

    def get_single_node(self) -> Any:
        """The document, before anything is built of it."""
        document = super().get_single_node()
        seen, left = set(), [document]
        while left:
            node = left.pop()
            if id(node) in seen:
                raise yaml.YAMLError("it has aliases (*name), and no file that mitofm writes has them")
            seen.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                left += node.value
            elif isinstance(node, yaml.MappingNode):
                left += (one for pair in node.value for one in pair)
        return document


def parse_yaml(text: bytes) -> Any:
    """The text of a stored YAML as plain data; ValueError if it is no YAML, or more than a stored one can be."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has {len(text)} bytes, and no config has more than {MOST_BYTES}")
    try:
        return yaml.load(text.decode("utf-8"), Loader=_StoredLoader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
