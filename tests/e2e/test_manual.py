"""The manual that `make docs` has built: its links, and its search in a real browser."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from ..reporting.browser import BROWSER, browse_address

SITE = Path(__file__).parents[2] / "build" / "site"
SECONDS = 3  # that a page may take for its search

pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason="there is no manual: make docs")


class _Links(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.to |= {given[name] for name in ("href", "src") if name in given}


def test_no_link_is_dead() -> None:
    pages = {page: _Links(page) for page in SITE.rglob("*.html") if page.name != "404.html"}
    dead = []
    for page, links in pages.items():
        for link in links.to:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchored = not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            if not target.is_file() or not anchored:
                dead.append((page.relative_to(SITE).as_posix(), link))
    assert len(pages) > 30
    assert not dead


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


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
@pytest.mark.parametrize(
    ("word", "page"),
    [("threshold", "selection"), ("patient", "data"), ("resume", "reliability"), ("QuPath", "own_slides")],
)
def test_search_finds(address: str, tmp_path: Path, word: str, page: str) -> None:
    shown, said = browse_address(f"{address}?q={word}", tmp_path, "--dump-dom", "--window-size=1280,900")
    found = re.findall(r'class="md-search-result__link"[^>]*|href="[^"]*"[^>]*md-search-result__link', shown)
    assert any(f"{page}.html" in one for one in found), found
    assert "Error" not in said
