"""The manual that `make docs` has built: its search, in a real browser."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ..reporting.browser import BROWSER, browse_address

SITE = Path(__file__).parents[2] / "build" / "site"
SECONDS = 3  # that a page may take for its search

pytestmark = [
    pytest.mark.skipif(not SITE.is_dir(), reason="there is no manual: make docs"),
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium"),
]


class _Waiting(SimpleHTTPRequestHandler):
    """Serves the site, and in each page a picture that comes late: the browser writes the page down once all of it is there."""

    def do_GET(self) -> None:
        if self.path == "/late":
            time.sleep(SECONDS)
            self.send_error(404)
            return
        path = Path(self.translate_path(self.path))
        if path.suffix != ".html":
            super().do_GET()
            return
        page = path.read_bytes() + b'<img src="/late">'
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Waiting, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/index.html"


@pytest.mark.parametrize(
    ("word", "page"),
    [("threshold", "selection"), ("patient", "data"), ("resume", "reliability"), ("QuPath", "own_slides")],
)
def test_search_finds(address: str, tmp_path: Path, word: str, page: str) -> None:
    shown, said = browse_address(f"{address}?q={word}", tmp_path, "--dump-dom", "--window-size=1280,900")
    found = re.findall(r'class="md-search-result__link"[^>]*|href="[^"]*"[^>]*md-search-result__link', shown)
    assert any(f"{page}.html" in one for one in found), found
    assert "Error" not in said
