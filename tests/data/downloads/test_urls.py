from __future__ import annotations

import pytest

from mitofm.data.downloads.remote import list_files
from mitofm.data.downloads.urls import Urls
from mitofm.ground.errors import MitofmError

from .server import MB, Server


def test_a_plain_list_of_files(server: Server) -> None:
    remote = server.publish("a.tiff")
    urls = Urls([{"name": "a.tiff", "url": remote.url, "bytes": MB, "md5": remote.md5}])
    server.download(*list_files(urls, server.folder))
    assert server.whole(remote)
    with pytest.raises(MitofmError, match="each has name, url, bytes"):
        Urls([{"name": "a.tiff", "url": remote.url, "bytes": MB, "sha": "0"}])
    with pytest.raises(MitofmError, match="each has name, url, bytes"):
        Urls([{"name": "a.tiff", "url": remote.url}])
