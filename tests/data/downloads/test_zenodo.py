from __future__ import annotations

import json

from mitofm.data.downloads.zenodo import Zenodo

from .server import Server


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
