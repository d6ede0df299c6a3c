"""Files at addresses that the config lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mitofm.data.downloads.remote import Remote
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError


class Urls:
    """A plain list of files.

    Args:
        files: for each its `name`, `url` and `bytes`, and its `md5` or `sha256` if one is published.
    """

    def __init__(self, files: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._remotes = [Remote(**file) for file in files]
        except TypeError as error:
            raise MitofmError(f"download.files: {error}; each has name, url, bytes, and md5 or sha256") from error
        self.address = f"list {fingerprints.of([dict(file) for file in files])}"
        self.page = "the addresses that the config lists"

    def remotes(self) -> list[Remote]:
        """The files, as listed."""
        return self._remotes
