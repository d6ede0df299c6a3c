"""A stub of the Hugging Face hub on this machine, with the answers that the real one gives to a HEAD request for a file."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LET_IN, STRANGER, REVOKED = "hf_let_in", "hf_stranger", "hf_revoked"
"""Tokens: of a user who may read the gated model, of one who may not, and of none."""
SHA256 = "ab" * 32
_KNOWN = {"lab/open", "lab/gated", "lab/small", "lab/moved", "lab/new", "lab/busy", "lab/proxy"}


class Hub:
    """Repositories `lab/...` with the file `model.safetensors` in revision `main`; `asked` are paths and tokens."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.elsewhere: list[tuple[str, str | None]] = []
        """Requests for the files themselves, which are on a host of their own."""
        self.servers = [self._serve(self._answer), self._serve(self._answer_elsewhere)]
        self.url = f"http://127.0.0.1:{self.servers[0].server_port}"

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def _serve(self, answer: Any) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                status, headers = answer(self.path, self.headers.get("authorization"))
                self.send_response(status)
                for name, value in ({"Content-Length": "0"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_HEAD  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def _answer_elsewhere(self, path: str, token: str | None) -> tuple[int, dict[str, str]]:
        self.elsewhere.append((path, token))
        return 200, {}

    def _answer(self, path: str, token: str | None) -> tuple[int, dict[str, str]]:
        if path.startswith("/api/"):  # huggingface_hub asks which agents there are, for its name as a client
            return 404, {}
        self.asked.append((path, token))
        user = (token or "").removeprefix("Bearer ")
        _, lab, name, _, revision, file = path.split("/")
        if user == REVOKED:
            return 401, {"X-Error-Message": "Invalid credentials in Authorization header"}
        if f"{lab}/{name}" not in _KNOWN:
            return 404 if user else 401, {"X-Error-Code": "RepoNotFound"}
        if name == "gated" and user != LET_IN:
            return 403 if user else 401, {"X-Error-Code": "GatedRepo"}
        if name == "busy":
            return 503, {}
        if name == "proxy":
            return 200, {"Content-Type": "text/html"}
        if name == "moved":
            return 307, {"Location": path.replace("moved", "new")}
        commit = {"X-Repo-Commit": "c" * 40}
        if revision != "main":
            return 404, {"X-Error-Code": "RevisionNotFound"}
        if file != "model.safetensors":
            return 404, commit | {"X-Error-Code": "EntryNotFound"}
        if name == "small":
            return 200, commit | {"ETag": f'"{"d" * 40}"'}
        blob = f"http://localhost:{self.servers[1].server_port}/blob"
        return 302, commit | {"Location": blob, "X-Linked-Etag": f'"{SHA256}"', "X-Linked-Size": "2500000000"}
