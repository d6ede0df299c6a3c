from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from huggingface_hub import constants

from mitofm.commands.doctor import CHECKS, NOTE
from mitofm.ground.config import conf_dir

from ..conftest import TISSUE
from ..hub import LET_IN, SHA256, Hub

OWN = {
    "ungated": {"hub": "lab/open", "sha256": SHA256, "licence": "MIT", "commercial": True},
    "gated": {"hub": "lab/gated", "gated": True, "licence": "CC-BY-NC-ND-4.0", "commercial": False},
    "missing": {"hub": "lab/none", "licence": "Apache-2.0", "commercial": True, "link": None},
    "wrong_sha": {"hub": "lab/open", "sha256": "0" * 64, "licence": None, "commercial": None, "link": None},
    "wrong_file": {"file": "here.safetensors", "sha256": "0" * 64},
    "absent_file": {"file": "no/such.safetensors", "hub": "lab/open"},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub that is asked, with a user's own YAMLs of models that it has."""
    hub, folder = Hub(), tmp_path / "conf" / "backbone"
    toy = yaml.safe_load((conf_dir() / "backbone" / "toy_vit_p16.yaml").read_text())
    folder.mkdir(parents=True)
    for name, own in OWN.items():
        spec = toy | {
            "name": name,
            "weights": "pretrained",
            "hub_file": "model.safetensors",
            "link": "https://hub/card",
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec | own))
    (tmp_path / "here.safetensors").write_bytes(b"another file")
    for key, value in {"HF_TOKEN": "", "NO_PROXY": "127.0.0.1", "MITOFM_CONF": str(folder.parent)}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    yield hub
    hub.close()


@pytest.fixture
def doctor(
    typed: Callable[..., tuple[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """The exit code of `mitofm doctor`, and what it says of weights and licence."""

    def ask(*words: str) -> tuple[int, list[str]]:
        code = 0
        try:
            lines = typed("doctor", *TISSUE, "logger=none", f"paths.weights={tmp_path}", *words)[0].splitlines()
        except SystemExit as ended:
            code, lines = int(ended.code or 0), capsys.readouterr().out.splitlines()
        first = next(i for i, line in enumerate(lines) if line[6:13] == "weights")
        return code, lines[first:]

    return ask


@pytest.mark.usefixtures("hub")
def test_a_model_is_ungated_gated_missing_or_another_file(
    doctor: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, told = doctor(f"backbone={','.join(OWN)}")
    assert code == 1
    by_name = {name: [line for line in told if f" {name}:" in line] for name in OWN}
    assert by_name["ungated"][0].startswith("ok    weights  ungated: not on this machine; 127.0.0.1 grants")
    assert by_name["gated"][0].startswith("BAD   weights  gated: not on this machine; lab/gated is gated")
    assert "  accept the terms on https://hub/card, log in with" in told[told.index(by_name["gated"][0]) + 1]
    assert "has no model lab/none" in by_name["missing"][0]
    assert f"sha256 {SHA256}, expected {'0' * 64}" in by_name["wrong_sha"][0]
    assert f"{tmp_path / 'here.safetensors'} is not the file that backbone 'wrong_file' states" in " ".join(told)
    # A path is not looked for on the hub, neither here nor in training.
    assert "BAD   weights  backbone.file=no/such.safetensors of backbone 'absent_file': there is no such file" in told
    assert "look at the page of lab/none on the hub; if it is private" in " ".join(told)
    assert told[-1].endswith("cannot run here yet: weights")
    monkeypatch.setenv("HF_TOKEN", LET_IN)
    code, told = doctor("backbone=gated")
    assert (code, told[0][:2], LET_IN in str(told)) == (0, "ok", False)


@pytest.mark.usefixtures("hub")
def test_offline_is_said(doctor: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, told = doctor("backbone=gated,toy_vit_p16")
    assert code == 1
    assert "offline (HF_HUB_OFFLINE): 127.0.0.1 was not asked" in told[0]
    assert "unset HF_HUB_OFFLINE; it is gated: accept the terms on https://hub/card" in told[1]
    assert "toy_vit_p16: random, none needed" in " ".join(told)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("use", "code", "told"),
    [
        (
            "research",
            0,
            ("ok    licence  ungated: MIT", "note  licence  gated: CC-BY-NC-ND-4.0 forbids commercial use"),
        ),
        (
            "commercial",
            1,
            ("ok    licence  ungated: MIT", "BAD   licence  gated: CC-BY-NC-ND-4.0 forbids commercial use"),
        ),
    ],
)
def test_terms_that_forbid_the_use_are_told(
    doctor: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch, use: str, code: int, told: tuple[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", LET_IN)
    ended, lines = doctor("backbone=ungated,gated", f"use={use}")
    assert ended == code
    for line in told:
        assert any(one.startswith(line) for one in lines), lines
    open_ = str(doctor("backbone=wrong_sha", "use=commercial")[1])
    assert "leaves commercial use open" in open_
    assert "read the terms: the page of lab/open on the hub" in open_


def test_a_cluster_that_does_not_answer_hinders_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 20)

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", hang)
    found = CHECKS["Slurm"](Mock())
    assert found.status == NOTE
    assert "timed out after 20 seconds" in found.message
