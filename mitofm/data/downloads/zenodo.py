"""Files on Zenodo (REST API, developers.zenodo.org)."""

from __future__ import annotations

from typing import Any

from mitofm.data.downloads import web
from mitofm.data.downloads.remote import Remote


class Zenodo:
    """A Zenodo record.

    Args:
        record: its number, the last one in its address.
        api: where the API is (a mirror, say).
        pause_s: what the pauses after failures are multiples of.
    """

    def __init__(self, record: int, api: str = "https://zenodo.org/api", pause_s: float = 1.0) -> None:
        self.address = f"{api.rstrip('/')}/records/{record}"
        self.page = f"https://zenodo.org/records/{record}"
        self.pause_s = pause_s

    def remotes(self) -> list[Remote]:
        """Its files, by name."""
        return sorted(web.read(self.address, _parse_files, self.pause_s), key=lambda remote: remote.name)


def _parse_files(answer: dict[str, Any]) -> list[Remote]:
    return [
        Remote(file["key"], file["links"]["self"], file["size"], file["checksum"].removeprefix("md5:"))
        for file in answer["files"]
    ]
