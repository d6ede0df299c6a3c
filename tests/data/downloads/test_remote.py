from __future__ import annotations

import pytest

from mitofm.data.downloads.figshare import Figshare
from mitofm.data.downloads.remote import LISTING, Remote, list_files
from mitofm.ground.errors import MitofmError

from .server import PAUSE_S, Server, published_on_figshare


@pytest.mark.parametrize("name", ["../a.tiff", "/etc/a.tiff", "a/../../b", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(MitofmError, match="leads out"):
        Remote(name, "https://example.org/a", 1)


def test_the_list_is_kept_beside_the_files_and_serves_offline(server: Server) -> None:
    image = server.publish("001.tiff")
    published_on_figshare(server, 11, (40, image))
    figshare = Figshare(article=11, api=f"{server.url}/v2", pause_s=PAUSE_S)
    server.download(*list_files(figshare, server.folder))
    server.content.clear()
    assert list_files(figshare, server.folder) == [image]
    assert server.missing(*list_files(figshare, server.folder)) == []
    with pytest.raises(MitofmError, match=rf"belong into {server.folder} .*figshare.12 .*{LISTING}"):
        list_files(Figshare(article=12, api=f"{server.url}/v2", pause_s=PAUSE_S), server.folder)
    (server.folder / LISTING).write_text('{"address": ')  # spoilt
    with pytest.raises(MitofmError, match="cannot be asked"):
        list_files(figshare, server.folder)
