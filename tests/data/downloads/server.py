"""A repository on this machine, and the folder that a data set is fetched into."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from mitofm.data.downloads import fetch
from mitofm.data.downloads.remote import Remote
from mitofm.ground.fingerprints import Remembered

MB = 1_000_000
PAUSE_S = 0.0005


class Server:
    """A repository on this machine, with the vices of the real ones."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "set"
        """Where files are fetched into."""
        self.remembered = Remembered(place / "known")
        self.content: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Path and Range header of every request."""
        self.headers: Message | None = None
        """Of the last request."""
        self.statuses: dict[str, list[int]] = {}
        """Statuses to answer with first, with an empty body."""
        self.cuts: dict[str, list[int]] = {}
        """After how many bytes the connection is cut, once each."""
        self.redirects: dict[str, str] = {}
        self.knows_ranges = True
        self.pause_s = 0.0
        """Between pieces of 16 KiB."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda request, client: None  # type: ignore[method-assign]  # who asked was killed
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, span = urlsplit(request.path).path, request.headers.get("Range")
        self.asked.append((request.path, span))
        self.headers = request.headers
        if self.statuses.get(path):
            return self.head(request, self.statuses[path].pop(0), {"Content-Length": "0"})
        if path in self.redirects:
            return self.head(request, 302, {"Location": self.redirects[path], "Content-Length": "0"})
        if path not in self.content:
            return self.head(request, 404, {"Content-Length": "0"})
        body, status, headers = self.content[path], 200, {}
        if span is not None and self.knows_ranges:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.head(request, 416, {"Content-Length": "13"})
                request.wfile.write(b"no such range")
                return None
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.head(request, status, headers | {"Content-Length": str(len(body))})
        cuts = self.cuts.get(path)
        sent = body[: cuts.pop(0)] if cuts else body
        for i in range(0, len(sent), 1 << 14):
            request.wfile.write(sent[i : i + (1 << 14)])
            time.sleep(self.pause_s)
        request.close_connection = True
        return None

    @staticmethod
    def head(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    def ranges(self, name: str) -> list[str | None]:
        return [span for path, span in self.asked if path == f"/files/{name}"]

    def publish(self, name: str, size: int = MB) -> Remote:
        """A file of random bytes, and what a repository says of it."""
        content = np.random.default_rng(len(self.content)).bytes(size)
        self.content[f"/files/{name}"] = content
        return Remote(name, f"{self.url}/files/{name}", size, md5=hashlib.md5(content).hexdigest())

    def whole(self, *remotes: Remote) -> bool:
        return all((self.folder / one.name).read_bytes() == self.content[f"/files/{one.name}"] for one in remotes)

    def download(self, *remotes: Remote) -> None:
        fetch.download(remotes, self.folder, self.remembered, pause_s=PAUSE_S)

    def missing(self, *remotes: Remote) -> list[Remote]:
        return fetch.find_missing(remotes, self.folder, self.remembered)

    def put(self, name: str, content: bytes) -> None:
        """A file that lies there before anything is fetched."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(content)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))


def published_on_figshare(server: Server, article: int, *uploads: tuple[int, Remote], supplied: bool = False) -> None:
    """Answers in the form of docs.figshare.com: `GET /articles/{id}/files`."""
    answer = [
        {
            "id": number,
            "name": remote.name,
            "size": remote.bytes,
            "is_link_only": False,
            "download_url": remote.url,
            "supplied_md5": remote.md5 if supplied else "",
            "computed_md5": "" if supplied else remote.md5,
            "mimetype": "image/tiff",
        }
        for number, remote in uploads
    ]
    server.content[f"/v2/articles/{article}/files"] = json.dumps(answer).encode()
