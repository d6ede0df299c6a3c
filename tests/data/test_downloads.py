from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from mitofm.data.downloads import fetch
from mitofm.data.downloads.figshare import Figshare
from mitofm.data.downloads.remote import LISTING, Remote, list_files
from mitofm.data.downloads.urls import Urls
from mitofm.data.downloads.zenodo import Zenodo
from mitofm.ground import config as configs
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered

MB = 1_000_000
PAUSE_S = 0.0005


class Server:
    """A repository on this machine, with the vices of the real ones."""

    def __init__(self) -> None:
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

    def whole(self, folder: Path, *remotes: Remote) -> bool:
        return all((folder / one.name).read_bytes() == self.content[f"/files/{one.name}"] for one in remotes)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "set"


@pytest.fixture
def remembered(tmp_path: Path) -> Remembered:
    return Remembered(tmp_path / "known")


def download(remotes: list[Remote], folder: Path, remembered: Remembered) -> None:
    fetch.download(remotes, folder, remembered, pause_s=PAUSE_S)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_files_arrive_whole_and_are_not_asked_for_again(server: Server, folder: Path, remembered: Remembered) -> None:
    remotes = [server.publish(f"{i:03d}.tiff", 50_000) for i in range(12)] + [server.publish("deep/down.json", 10)]
    download(remotes, folder, remembered)
    assert server.whole(folder, *remotes)
    assert len(server.asked) == 13
    assert server.headers is not None
    assert server.headers["Accept-Encoding"] == "identity"  # byte positions are those of the file
    assert server.headers["User-Agent"].startswith("mitofm/")  # Zenodo turns the default of requests away
    download(remotes, folder, remembered)
    assert len(server.asked) == 13
    assert files(folder) == [*(f"{i:03d}.tiff" for i in range(12)), "deep"]


def test_a_cut_connection_is_gone_on_with_where_it_was_cut(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff", 2 * MB)
    server.cuts["/files/a.tiff"] = [500_000, 300_000, 0, 700_000]
    download([remote], folder, remembered)
    assert server.whole(folder, remote)
    spans = server.ranges("a.tiff")
    starts = [0 if span is None else int(span[6:-1]) for span in spans]
    assert spans[0] is None
    assert len(starts) == 5
    assert starts == sorted(starts)
    assert starts[1] > 400_000  # all but the last piece of 64 KiB is kept
    assert starts[-1] > 1_200_000
    assert files(folder) == ["a.tiff"]


def test_a_part_left_by_an_earlier_attempt_is_completed(server: Server, folder: Path, remembered: Remembered) -> None:
    remote, whole = server.publish("a.tiff"), server.publish("b.tiff")
    folder.mkdir()
    (folder / "a.tiff.part").write_bytes(server.content["/files/a.tiff"][:123_456])
    (folder / "b.tiff.part").write_bytes(server.content["/files/b.tiff"])  # died before it was moved
    download([remote, whole], folder, remembered)
    assert server.asked == [("/files/a.tiff", "bytes=123456-")]
    assert server.whole(folder, remote, whole)


@pytest.mark.parametrize(("left", "starts"), [(1000, [1000, None]), (MB, [None]), (MB + 5, [MB + 5, None])])
def test_a_part_of_something_else_is_thrown_away(
    left: int, starts: list[int | None], server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff")
    folder.mkdir()
    (folder / "a.tiff.part").write_bytes(b"x" * left)
    download([remote], folder, remembered)
    assert server.whole(folder, remote)
    assert server.ranges("a.tiff") == [start and f"bytes={start}-" for start in starts]


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff")
    server.knows_ranges = False
    server.cuts["/files/a.tiff"] = [600_000, 300_000]
    download([remote], folder, remembered)
    assert server.whole(folder, remote)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [500, 503, 429, 403, 202])
def test_a_server_that_is_busy_is_asked_again(
    status: int, server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff")
    server.statuses["/files/a.tiff"] = [status] * 4
    download([remote], folder, remembered)
    assert server.whole(folder, remote)
    assert len(server.asked) == 5


@pytest.mark.parametrize("status", [500, 202, 404])
def test_a_server_that_refuses_for_good_ends_with_what_to_bring_by_hand(
    status: int, server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff")
    server.statuses["/files/a.tiff"] = [status] * 99
    with pytest.raises(MitofmError, match="1 of 1 files are missing") as error:
        download([remote], folder, remembered)
    assert f"\n  a.tiff  1.0 MB  {remote.url}" in str(error.value)
    assert str(status) in str(error.value)
    assert len(server.asked) == (1 if status == 404 else 8)
    assert files(folder) == []


def test_an_empty_answer_never_becomes_a_file(server: Server, folder: Path, remembered: Remembered) -> None:
    remote = server.publish("a.tiff")
    server.content["/files/a.tiff"] = b""
    with pytest.raises(MitofmError, match=r"arrived broken.*\n  a.tiff: 0 bytes instead of 1,000,000"):
        download([remote], folder, remembered)
    assert not (folder / "a.tiff").exists()


def test_a_file_cut_short_at_the_server_is_refused(server: Server, folder: Path, remembered: Remembered) -> None:
    remote = server.publish("a.tiff")
    server.content["/files/a.tiff"] = server.content["/files/a.tiff"][:400_000]
    with pytest.raises(MitofmError, match=r"a.tiff: 400,000 bytes instead of 1,000,000"):
        download([remote], folder, remembered)
    assert not (folder / "a.tiff").exists()


def test_wrong_bytes_are_refused_by_name_and_the_others_come(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remotes = [server.publish(f"{i}.tiff", 1000) for i in range(9)]
    server.content["/files/0.tiff"] = b"x" * 1000
    with pytest.raises(MitofmError, match=r"1 of 9 files arrived broken.*\n  0.tiff: md5 \w+ instead of \w+$"):
        download(remotes, folder, remembered)
    assert files(folder) == [f"{i}.tiff" for i in range(1, 9)]
    assert len(server.ranges("0.tiff")) == 4


def test_a_sha256_is_verified_too(server: Server, folder: Path, remembered: Remembered) -> None:
    one = server.publish("a.tiff")
    good = hashlib.sha256(server.content["/files/a.tiff"]).hexdigest()
    with pytest.raises(MitofmError, match=r"a.tiff: sha256"):
        download([Remote(one.name, one.url, one.bytes, sha256="0" * 64)], folder, remembered)
    download([Remote(one.name, one.url, one.bytes, sha256=good.upper())], folder, remembered)
    assert server.whole(folder, one)


def test_without_a_network_the_message_lists_what_to_bring(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remotes = [server.publish(f"{i:03d}.tiff", 1000 + i) for i in range(14)]
    server.http.shutdown()
    server.http.server_close()
    folder.mkdir()
    (folder / "003.tiff").write_bytes(server.content["/files/003.tiff"])
    with pytest.raises(MitofmError, match="13 of 14 files are missing") as error:
        download(remotes, folder, remembered)
    lines = str(error.value).splitlines()
    assert str(folder) in lines[0]
    assert lines[1] == f"  000.tiff  0.0 MB  {server.url}/files/000.tiff"
    assert len(lines) == 12
    assert lines[-1] == "  and 3 more"
    assert "003.tiff" not in str(error.value)


def test_files_put_there_by_hand_are_verified_once_and_accepted(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remotes = [server.publish("a.tiff"), server.publish("b.tiff")]
    folder.mkdir()
    for remote in remotes:
        (folder / remote.name).write_bytes(server.content[f"/files/{remote.name}"])
    download(remotes, folder, remembered)
    assert server.asked == []
    state = (folder / "a.tiff").stat()
    (folder / "a.tiff").write_bytes(b"x" * MB)
    os.utime(folder / "a.tiff", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert fetch.find_missing(remotes, folder, remembered) == []  # its bytes were not read again
    os.utime(folder / "a.tiff", ns=(0, 0))
    with pytest.raises(MitofmError, match=r"a.tiff: md5"):
        fetch.find_missing(remotes, folder, remembered)


def test_what_was_downloaded_is_not_read_again(
    server: Server, folder: Path, remembered: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = server.publish("a.tiff")
    download([remote], folder, remembered)
    monkeypatch.setattr(fetch, "digest", lambda path, kind: pytest.fail(f"{path} was read"))
    assert fetch.find_missing([remote], folder, remembered) == []


@pytest.mark.parametrize(("content", "said"), [(b"", "0 bytes"), (b"x" * 1000, "md5"), (b"x" * 999, "999 bytes")])
def test_a_broken_file_put_there_by_hand_is_named_and_left_alone(
    content: bytes, said: str, server: Server, folder: Path, remembered: Remembered
) -> None:
    remotes = [server.publish("a.tiff", 1000), server.publish("b.tiff", 1000)]
    folder.mkdir()
    (folder / "a.tiff").write_bytes(content)
    with pytest.raises(MitofmError, match=rf"1 of 2 files in .* not the published ones.*\n  a.tiff: {said}"):
        download(remotes, folder, remembered)
    assert server.asked == []
    assert (folder / "a.tiff").read_bytes() == content


def test_a_disk_too_small_is_found_before_the_first_byte(
    server: Server, folder: Path, remembered: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes = [server.publish("a.tiff"), server.publish("b.tiff")]
    folder.mkdir()
    (folder / "b.tiff.part").write_bytes(server.content["/files/b.tiff"][: MB // 2])
    free = 3 * MB // 2 - 1
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    with pytest.raises(MitofmError, match="Nothing was fetched"):
        download(remotes, folder, remembered)
    assert server.asked == []
    free += 1  # what has arrived already needs no room
    download(remotes, folder, remembered)
    assert server.whole(folder, *remotes)


def test_a_place_that_takes_no_files_is_named(server: Server, folder: Path, remembered: Remembered) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(MitofmError, match=f"{folder} does not take the files"):
        download([server.publish("a.tiff")], folder, remembered)


def test_a_full_disk_is_a_clear_error(server: Server, folder: Path, remembered: Remembered) -> None:
    folder.mkdir()
    (folder / "a.tiff.part").symlink_to("/dev/full")
    with pytest.raises(MitofmError, match=r"does not take the files .*No space left"):
        download([server.publish("a.tiff")], folder, remembered)


KILLED = """
import sys
from pathlib import Path
from mitofm.data.downloads.fetch import download
from mitofm.data.downloads.remote import Remote
from mitofm.ground.fingerprints import Remembered
url, md5, size, folder = sys.argv[1:]
download([Remote("a.tiff", url, int(size), md5)], Path(folder), Remembered(Path(folder) / "known"))
"""


def test_killed_midway_and_run_again_the_file_is_byte_identical(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remote = server.publish("a.tiff", 2 * MB)
    server.pause_s = 0.02
    part = folder / "a.tiff.part"
    for least in (1, 600_000, 1_200_000):
        arguments = [remote.url, str(remote.md5), str(remote.bytes), str(folder)]
        process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
        try:
            deadline = time.monotonic() + 60
            while not (part.exists() and part.stat().st_size >= least):
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not (folder / "a.tiff").exists()
    server.pause_s = 0
    download([remote], folder, remembered)
    assert server.whole(folder, remote)
    spans = server.ranges("a.tiff")
    assert spans[0] is None
    assert all(spans[1:])
    assert len(spans) == 4


def test_two_that_want_the_same_fetch_it_once(server: Server, folder: Path, remembered: Remembered) -> None:
    remote = server.publish("a.tiff")
    server.pause_s = 0.005
    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(download, [remote], folder, remembered) for _ in range(2)]:
            task.result()
    assert server.whole(folder, remote)
    assert server.ranges("a.tiff") == [None]


def test_where_nobody_answers_the_others_do_not_go_on_for_hours(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    remotes = [server.publish(f"{i}.tiff", 10 * MB) for i in range(6)]
    server.pause_s = 0.05  # half a minute a file
    server.statuses["/files/0.tiff"] = [404]
    begun = time.monotonic()
    with pytest.raises(MitofmError, match="6 of 6 files are missing"):
        download(remotes, folder, remembered)
    assert time.monotonic() - begun < 15
    assert all(name.endswith(".part") for name in files(folder))


@pytest.mark.parametrize("name", ["../a.tiff", "/etc/a.tiff", "a/../../b", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(MitofmError, match="leads out"):
        Remote(name, "https://example.org/a", 1)


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://localhost/a", "http://localhost.example.org/a", "a"])
def test_only_https_and_this_machine_are_asked(url: str) -> None:
    with pytest.raises(MitofmError, match="not an https address"):
        Remote("a", url, 1)


def test_a_redirect_away_from_https_is_not_followed(server: Server, folder: Path, remembered: Remembered) -> None:
    remote = server.publish("a.tiff")
    server.redirects["/files/a.tiff"] = "http://example.org/a.tiff"
    with pytest.raises(MitofmError, match=r"http://example.org/a.tiff is not an https address"):
        download([remote], folder, remembered)


def test_a_redirect_keeps_the_range(server: Server, folder: Path, remembered: Remembered) -> None:
    store, remote = server.publish("store"), Remote("a.tiff", f"{server.url}/files/7", MB)
    server.redirects["/files/7"] = store.url
    server.cuts["/files/store"] = [500_000]
    download([remote], folder, remembered)
    assert (folder / "a.tiff").read_bytes() == server.content["/files/store"]
    assert [bool(span) for span in server.ranges("store")] == [False, True]


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


def collection(server: Server, number: int, articles: list[int], stated: int | None = None) -> None:
    server.content[f"/v2/collections/{number}"] = json.dumps({"articles_count": stated or len(articles)}).encode()
    listed = [{"id": article, "title": "t"} for article in articles]
    server.content[f"/v2/collections/{number}/articles"] = json.dumps(listed).encode()


def test_a_figshare_collection_is_listed_and_fetched(server: Server, folder: Path, remembered: Remembered) -> None:
    old, image, table = (server.publish(name, 1000) for name in ("old", "001.tiff", "MIDOGpp.json"))
    published_on_figshare(server, 11, (40, image))
    published_on_figshare(server, 12, (41, table))
    published_on_figshare(server, 13, (39, Remote("MIDOGpp.json", old.url, old.bytes, old.md5)), supplied=True)
    collection(server, 5, [13, 11, 12])
    server.statuses["/v2/articles/12/files"] = [403, 202]
    figshare = configs.instantiate(
        {
            "_target_": "mitofm.data.downloads.figshare.Figshare",
            "collection": 5,
            "api": f"{server.url}/v2/",
            "pause_s": PAUSE_S,
        }
    )
    remotes = list_files(figshare, folder)
    assert remotes == [image, table]
    assert all("page_size=1000" in path for path, _ in server.asked if path.count("/") > 3)
    download(remotes, folder, remembered)
    assert server.whole(folder, image, table)


def test_a_figshare_article_is_listed(server: Server) -> None:
    image = server.publish("001.tiff")
    published_on_figshare(server, 11, (40, image), supplied=True)
    figshare = Figshare(article=11, api=f"{server.url}/v2")
    assert figshare.remotes() == [image]
    assert list_files(figshare, Path(__file__)) == [image]  # a place where no list can be kept
    assert Figshare(article=11).address == "https://api.figshare.com/v2/articles/11"
    assert Figshare(collection=5).page == "https://doi.org/10.6084/m9.figshare.c.5"


def test_a_collection_that_comes_incomplete_is_refused(server: Server) -> None:
    collection(server, 5, [11, 11], stated=2)
    with pytest.raises(MitofmError, match="lists 1 of its 2 articles"):
        Figshare(collection=5, api=f"{server.url}/v2").remotes()


@pytest.mark.parametrize("given", [{}, {"article": 1, "collection": 2}])
def test_figshare_needs_one_number(given: dict[str, int]) -> None:
    with pytest.raises(MitofmError, match="not both"):
        Figshare(**given)


def test_a_zenodo_record_is_listed(server: Server) -> None:
    image, table = server.publish("001.png"), server.publish("MIDOG2022_training_png.json")
    answer = {
        "id": 6547151,
        "files": [
            {"key": one.name, "size": one.bytes, "checksum": f"md5:{one.md5}", "links": {"self": one.url}}
            for one in (table, image)
        ],
    }
    server.content["/api/records/6547151"] = json.dumps(answer).encode()
    zenodo = Zenodo(6547151, api=f"{server.url}/api")
    assert zenodo.remotes() == [image, table]
    assert Zenodo(6547151).address == "https://zenodo.org/api/records/6547151"


@pytest.mark.parametrize("answer", ["[]", "{}", '{"files": [{"key": "a"}]}', '{"files": 3}'])
def test_an_answer_of_another_form_is_refused(answer: str, server: Server) -> None:
    server.content["/api/records/1"] = answer.encode()
    with pytest.raises(MitofmError, match="records/1 answers in a form that is not known"):
        Zenodo(1, api=f"{server.url}/api").remotes()


def test_a_plain_list_of_files(server: Server, folder: Path, remembered: Remembered) -> None:
    remote = server.publish("a.tiff")
    urls = Urls([{"name": "a.tiff", "url": remote.url, "bytes": MB, "md5": remote.md5}])
    download(list_files(urls, folder), folder, remembered)
    assert server.whole(folder, remote)
    with pytest.raises(MitofmError, match="each has name, url, bytes"):
        Urls([{"name": "a.tiff", "url": remote.url, "bytes": MB, "sha": "0"}])
    with pytest.raises(MitofmError, match="each has name, url, bytes"):
        Urls([{"name": "a.tiff", "url": remote.url}])


def test_the_list_is_kept_beside_the_files_and_serves_offline(
    server: Server, folder: Path, remembered: Remembered
) -> None:
    image = server.publish("001.tiff")
    published_on_figshare(server, 11, (40, image))
    figshare = Figshare(article=11, api=f"{server.url}/v2", pause_s=PAUSE_S)
    download(list_files(figshare, folder), folder, remembered)
    server.content.clear()
    assert list_files(figshare, folder) == [image]
    assert fetch.find_missing(list_files(figshare, folder), folder, remembered) == []
    with pytest.raises(MitofmError, match=rf"belong into {folder} .*figshare.12 .*{LISTING}"):
        list_files(Figshare(article=12, api=f"{server.url}/v2", pause_s=PAUSE_S), folder)
    (folder / LISTING).write_text('{"address": ')  # spoilt
    with pytest.raises(MitofmError, match="cannot be asked"):
        list_files(figshare, folder)
