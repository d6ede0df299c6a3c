"""Published files: a repository, its files, and the list of them, which is kept beside the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Protocol

from requests import RequestException

from mitofm.data.downloads.web import require_https
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json, write_json

LISTING = "downloads.json"


def digest(path: Path, kind: str) -> str:
    """The checksum (hex) of the bytes of `path`; `kind` is md5 or sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


@dataclass(frozen=True)
class Remote:
    """One published file: its name in the data set's folder, address, size, and whichever checksum is published.

    MitofmError if its name leads out of the folder, or its address is not https.
    """

    name: str
    url: str
    bytes: int
    md5: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        require_https(self.url)
        path = PurePath(self.name)
        if not path.name or path.is_absolute() or ".." in path.parts:
            raise MitofmError(f"{self.url}: its name {self.name!r} leads out of the folder; it is not fetched")

    @property
    def checksums(self) -> dict[str, str]:
        """The published checksums (hex) by their kind."""
        return {kind: hexes for kind, hexes in (("md5", self.md5), ("sha256", self.sha256)) if hexes}

    def find_fault(self, path: Path, checksum: Callable[[Path, str], str] = digest) -> str | None:
        """How the file at `path` differs from the published one, in words; None if it does not."""
        size = path.stat().st_size
        if size != self.bytes:
            return f"{size:,} bytes instead of {self.bytes:,}"
        for kind, published in self.checksums.items():
            found = checksum(path, kind)
            if found != published.lower():
                return f"{kind} {found} instead of {published}"
        return None


class Repository(Protocol):
    """Whoever publishes the files of a data set."""

    address: str  # names the list of files: a list kept from another address is not used
    page: str  # where a person finds the files

    def remotes(self) -> list[Remote]:
        """Its files, asked for over the network.

        Raises:
            requests.RequestException: nothing came.
            MitofmError: what came is not understood.
        """


def list_files(repository: Repository, folder: Path) -> list[Remote]:
    """The published files, from the list kept in `folder`, else from the repository, whose list is then kept.

    MitofmError if no list is kept, and none can be fetched.
    """
    try:
        kept = read_json(folder / LISTING)
        if kept["address"] == repository.address:
            return [Remote(**file) for file in kept["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        remotes = repository.remotes()
    except RequestException as error:
        raise MitofmError(
            f"which files belong into {folder} cannot be asked ({error}). Without a network: fetch all files of "
            f"{repository.page} on another machine and put them there, with the {LISTING} that this command writes"
        ) from error
    with suppress(OSError):  # the files in a folder that is read-only can still be verified
        write_json(folder / LISTING, {"address": repository.address, "files": [asdict(file) for file in remotes]})
    return remotes
