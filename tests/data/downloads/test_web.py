from __future__ import annotations

import pytest

from mitofm.data.downloads.remote import Remote
from mitofm.data.downloads.zenodo import Zenodo
from mitofm.ground.errors import MitofmError

from .server import MB, Server


@pytest.mark.parametrize("status", [500, 503, 429, 403, 202])
def test_a_server_that_is_busy_is_asked_again(status: int, server: Server) -> None:
    remote = server.publish("a.tiff")
    server.statuses["/files/a.tiff"] = [status] * 4
    server.download(remote)
    assert server.whole(remote)
    assert len(server.asked) == 5


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://localhost/a", "http://localhost.example.org/a", "a"])
def test_only_https_and_this_machine_are_asked(url: str) -> None:
    with pytest.raises(MitofmError, match="not an https address"):
        Remote("a", url, 1)


def test_a_redirect_away_from_https_is_not_followed(server: Server) -> None:
    remote = server.publish("a.tiff")
    server.redirects["/files/a.tiff"] = "http://example.org/a.tiff"
    with pytest.raises(MitofmError, match=r"http://example.org/a.tiff is not an https address"):
        server.download(remote)


def test_a_redirect_keeps_the_range(server: Server) -> None:
    store, remote = server.publish("store"), Remote("a.tiff", f"{server.url}/files/7", MB)
    server.redirects["/files/7"] = store.url
    server.cuts["/files/store"] = [500_000]
    server.download(remote)
    assert (server.folder / "a.tiff").read_bytes() == server.content["/files/store"]
    assert [bool(span) for span in server.ranges("store")] == [False, True]


@pytest.mark.parametrize("answer", ["[]", "{}", '{"files": [{"key": "a"}]}', '{"files": 3}'])
def test_an_answer_of_another_form_is_refused(answer: str, server: Server) -> None:
    server.content["/api/records/1"] = answer.encode()
    with pytest.raises(MitofmError, match="records/1 answers in a form that is not known"):
        Zenodo(1, api=f"{server.url}/api").remotes()
