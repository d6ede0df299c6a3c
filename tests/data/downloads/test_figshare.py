from __future__ import annotations

import json
from pathlib import Path

import pytest

from mitofm.data.downloads.figshare import Figshare
from mitofm.data.downloads.remote import Remote, list_files
from mitofm.ground import config as configs
from mitofm.ground.errors import MitofmError

from .server import PAUSE_S, Server, published_on_figshare


def collection(server: Server, number: int, articles: list[int], stated: int | None = None) -> None:
    server.content[f"/v2/collections/{number}"] = json.dumps({"articles_count": stated or len(articles)}).encode()
    listed = [{"id": article, "title": "t"} for article in articles]
    server.content[f"/v2/collections/{number}/articles"] = json.dumps(listed).encode()


def test_a_figshare_collection_is_listed_and_fetched(server: Server) -> None:
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
    remotes = list_files(figshare, server.folder)
    assert remotes == [image, table]
    assert all("page_size=1000" in path for path, _ in server.asked if path.count("/") > 3)
    server.download(*remotes)
    assert server.whole(image, table)


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
