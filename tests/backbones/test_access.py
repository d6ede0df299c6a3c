"""Asks a stub of the hub, in processes of their own: huggingface_hub reads the environment when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..hub import LET_IN, REVOKED, SHA256, STRANGER, Hub

ASK = """
import json, sys
from types import SimpleNamespace
from mitofm.backbones.access import ask_hub
link = "https://hub/card"
specs = [SimpleNamespace(hub_file="model.safetensors", revision=None, sha256=None, page=link, gated=True) for _ in sys.argv[1:]]
for spec, words in zip(specs, sys.argv[1:]):
    vars(spec).update(word.split("=") for word in words.split())
print(json.dumps([vars(ask_hub(spec)) for spec in specs]))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def ask(hub: Hub, home: Path, *specs: str, **env: str) -> list[dict[str, str]]:
    """The answers to `specs`, and that none of the tokens is in them or was sent to another host."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
    places = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1,localhost"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *specs], env=clean | places | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not [token for token in (LET_IN, STRANGER, REVOKED) if token in done.stdout + done.stderr]
    assert hub.elsewhere == []
    return json.loads(done.stdout)


def test_without_a_token(hub: Hub, tmp_path: Path) -> None:
    answers = ask(
        hub,
        tmp_path,
        "hub=lab/open",
        f"hub=lab/open sha256={SHA256}",
        f"hub=lab/open sha256={'0' * 64}",
        f"hub=lab/small sha256={SHA256}",
        f"hub=lab/moved sha256={SHA256}",
        "hub=lab/gated",
        "hub=lab/none",
        "hub=lab/open revision=v9",
        "hub=lab/open hub_file=other.bin",
        "hub=lab/busy",
        "hub=lab/proxy",
    )
    for answer, (granted, said, way_out) in zip(
        answers,
        [
            (True, f"grants model.safetensors (2.5 GB), of which no sha256 is stated: {SHA256}", ""),
            (True, "(2.5 GB), sha256 as stated", ""),
            (False, f"sha256 {SHA256}, expected {'0' * 64}", "backbone.sha256=null"),
            (True, "sha256 to be checked when it is here", ""),
            (True, "sha256 as stated", ""),
            (
                False,
                "lab/gated is gated, and 127.0.0.1 got no token",
                "accept the terms on https://hub/card, log in with",
            ),
            (False, "has no model lab/none, or hides it", "look at https://hub/card"),
            (False, "has no revision v9", "look at"),
            (False, "has no file other.bin", "look at"),
            (False, "answers with HTTP status 503", "later"),
            (False, "does not answer as a hub does", "HF_ENDPOINT"),
        ],
        strict=True,
    ):
        assert (answer["granted"], said in answer["said"], way_out in answer["way_out"]) == (granted, True, True), (
            answer
        )
    assert {token for _, token in hub.asked} == {None}


def test_with_tokens_of_the_environment_and_of_the_cache(hub: Hub, tmp_path: Path) -> None:
    (granted,) = ask(hub, tmp_path, f"hub=lab/gated sha256={SHA256}", HF_TOKEN=LET_IN)
    assert (granted["granted"], "sha256 as stated" in granted["said"]) == (True, True)
    (tmp_path / "token").write_text(STRANGER)
    kept, missing = ask(hub, tmp_path, "hub=lab/gated", "hub=lab/none")
    assert "does not let the user of this token in" in kept["said"]
    assert "wait until they are granted" in kept["way_out"]
    assert "has no model lab/none" in missing["said"]
    (refused,) = ask(hub, tmp_path, "hub=lab/open", HF_TOKEN=REVOKED)
    assert (refused["granted"], "refuses the token" in refused["said"]) == (False, True)
    assert [token for _, token in hub.asked] == [f"Bearer {one}" for one in (LET_IN, STRANGER, STRANGER, REVOKED)]


def test_offline_the_hub_is_not_asked(hub: Hub, tmp_path: Path) -> None:
    (answer,) = ask(hub, tmp_path, "hub=lab/gated", HF_HUB_OFFLINE="1", HF_TOKEN=LET_IN)
    assert (answer["granted"], "offline (HF_HUB_OFFLINE)" in answer["said"]) == (False, True)
    assert "accept the terms on https://hub/card" in answer["way_out"]
    (unreachable,) = ask(hub, tmp_path, "hub=lab/open", HF_ENDPOINT="http://127.0.0.1:9")
    assert "offline: 127.0.0.1 cannot be reached (Connect" in unreachable["said"]
    assert hub.asked == []
