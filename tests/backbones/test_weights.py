"""Where weights come from, what is said of it, and which files are refused."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file

from mitofm.backbones import weights
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights, find, locate
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered

Resolved = Callable[..., dict[str, Any]]
RANDOM = Weights(None, "random")


def spec_of(resolved: Resolved, *overrides: str) -> BackboneSpec:
    return BackboneSpec.from_config(resolved(*overrides)["backbone"])


@pytest.fixture
def toy(resolved: Resolved) -> BackboneSpec:
    """A small ViT that wants `w.safetensors`."""
    return replace(spec_of(resolved, "backbone=toy_vit_p8"), weights="pretrained", file="w.safetensors")


@pytest.fixture
def remembered(tmp_path: Path) -> Remembered:
    return Remembered(tmp_path / "cache")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a file into the hub's cache as `owner/model` would lie there at `revision`; no network behind it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def put(content: bytes, revision: str = "0123abcd") -> Path:
        repository = tmp_path / "hub" / "models--owner--model"
        (repository / "refs").mkdir(parents=True, exist_ok=True)
        (repository / "refs" / "main").write_text(revision)
        file = repository / "snapshots" / revision / "model.safetensors"
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        return file

    return put


def test_the_nearest_place_wins(
    toy: BackboneSpec,
    hub: Callable[..., Path],
    remembered: Remembered,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = replace(toy, hub="owner/model")
    folder = tmp_path / "weights"
    folder.mkdir()
    cached = hub(b"hub")
    assert find(spec, folder, remembered).file == cached
    (folder / "w.safetensors").write_bytes(b"folder")
    assert find(spec, folder, remembered).file == folder / "w.safetensors"
    Path("w.safetensors").write_bytes(b"mine")
    assert find(replace(spec, file="./w.safetensors"), folder, remembered).sha256 == fingerprints.of_file(
        tmp_path / "w.safetensors"
    )
    assert find(spec, folder, remembered).sha256 == fingerprints.of_file(folder / "w.safetensors")


def test_shipped_weights_are_found_but_ones_own_come_first(
    toy: BackboneSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, own = tmp_path / "shipped" / "w.safetensors", tmp_path / "own" / "w.safetensors"
    for file in (shipped, own):
        file.parent.mkdir()
        file.touch()
    monkeypatch.setattr(weights, "SHIPPED", shipped.parent)
    assert locate(toy, tmp_path / "nowhere") == shipped
    assert locate(toy, own.parent) == own


def test_the_weights_of_nano_ship_with_a_card(resolved: Resolved, remembered: Remembered, tmp_path: Path) -> None:
    spec = spec_of(resolved, "backbone=nano")
    found = find(spec, tmp_path / "nowhere", remembered)
    assert found.file == weights.SHIPPED / "nano.safetensors"
    assert found.sha256 == spec.sha256
    assert found.file.stat().st_size < 8e6
    assert {value.dtype for value in load_file(found.file).values()} == {torch.bfloat16}
    assert "It has never seen real tissue." in found.file.with_suffix(".md").read_text()
    assert not torch.equal(
        build(spec, found, 0).trunk.patch_embed.proj.weight, build(spec, RANDOM, 0).trunk.patch_embed.proj.weight
    )


def test_a_path_that_is_not_there_is_never_replaced_by_the_hub(
    toy: BackboneSpec, hub: Callable[..., Path], remembered: Remembered, tmp_path: Path
) -> None:
    hub(b"hub")
    with pytest.raises(MitofmError, match=r"backbone.file=\./mine.pth of backbone 'toy_vit_p8': there is no such file"):
        find(replace(toy, hub="owner/model", file="./mine.pth"), tmp_path, remembered)


def test_a_pinned_revision_is_kept_unless_the_hash_vouches(
    toy: BackboneSpec, hub: Callable[..., Path], tmp_path: Path
) -> None:
    cached = hub(b"content", revision="new")
    pinned = replace(toy, hub="owner/model", revision="old")
    assert locate(pinned, tmp_path) is None
    assert locate(replace(pinned, revision="new"), tmp_path) == cached
    assert locate(replace(pinned, sha256=fingerprints.of_file(cached)), tmp_path) == cached


def test_what_happened_is_said_once(
    toy: BackboneSpec, remembered: Remembered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights.said.clear()
    (tmp_path / "w.safetensors").write_bytes(b"content")
    find(toy, tmp_path, remembered)
    find(toy, tmp_path, remembered)
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"weights of toy_vit_p8: {tmp_path / 'w.safetensors'}"]
    assert said.out == ""


def test_missing_weights_name_the_page_the_file_and_the_place(
    resolved: Resolved, hub: Callable[..., Path], remembered: Remembered, tmp_path: Path
) -> None:
    del hub
    with pytest.raises(MitofmError) as caught:
        find(spec_of(resolved, "backbone=uni"), tmp_path, remembered)
    for part in (
        "accept the terms",
        "hf auth login",
        "https://huggingface.co/MahmoodLab/UNI",
        f"put its pytorch_model.bin as uni.bin into {tmp_path} (paths.weights, MITOFM_WEIGHTS)",
        "backbone.file=PATH",
        "backbone.weights=random",
        "The hub said",
    ):
        assert part in str(caught.value)
    with pytest.raises(
        MitofmError, match=r"not on this machine: put mobilenetv2\S* into .*MITOFM_WEIGHTS.*weights=random"
    ):
        find(spec_of(resolved, "backbone=mobilenetv2"), tmp_path, remembered)


def test_the_hub_is_not_asked_again_for_every_cell_of_a_grid(
    toy: BackboneSpec, remembered: Remembered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(repository: str, *_: object, **__: object) -> str:
        asked.append(repository)
        raise OSError("timed out")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    monkeypatch.setattr(weights, "_refused", {})
    for _ in range(3):
        with pytest.raises(MitofmError, match="The hub said: timed out"):
            find(replace(toy, hub="owner/model", file=None), tmp_path, remembered)
    assert asked == ["owner/model"]
    monkeypatch.setattr(weights, "_PATIENCE", 0.0)
    with pytest.raises(MitofmError, match="timed out"):
        find(replace(toy, hub="owner/model", file=None), tmp_path, remembered)
    assert len(asked) == 2


def test_another_file_than_the_stated_one_is_refused(toy: BackboneSpec, remembered: Remembered, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"x")
    with pytest.raises(MitofmError, match=r"expected 00.*backbone.sha256=null"):
        find(replace(toy, sha256="00"), tmp_path, remembered)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
def test_weights_load_strictly_without_their_classifier(
    toy: BackboneSpec, remembered: Remembered, tmp_path: Path, suffix: str
) -> None:
    spec = replace(toy, file=f"w{suffix}")
    state = build(spec, RANDOM, seed=5).trunk.state_dict()
    whole = {**state, "head.weight": torch.zeros(7, 64), "head.bias": torch.zeros(7)}
    if suffix == ".safetensors":
        save_file(whole, tmp_path / "w.safetensors")
    else:
        torch.save(
            {"model": {f"module.{key}": value for key, value in whole.items()}, "epoch": 3}, tmp_path / spec.file
        )
    loaded = build(spec, find(spec, tmp_path, remembered), seed=0).trunk.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_a_swin_loads_with_a_classifier_without_one_and_as_its_authors_saved_it(
    resolved: Resolved, tmp_path: Path
) -> None:
    narrow = ["++backbone.kwargs.depths=[1,1]", "++backbone.kwargs.embed_dim=24", "++backbone.kwargs.num_heads=[1,2]"]
    stated = ["backbone.depth=2", "backbone.embed_dim=48", "backbone.img_size=32"]
    spec = spec_of(resolved, "backbone=ctranspath", *narrow, *stated)
    state = build(spec, RANDOM, seed=0).trunk.state_dict()
    authors = {key.replace("layers.1.downsample", "layers.0.downsample"): value for key, value in state.items()}
    assert authors.keys() != state.keys()
    for name, content in {
        "bare.pth": state,
        "head.pth": {**state, "head.fc.weight": torch.zeros(7, 48), "head.fc.bias": torch.zeros(7)},
        "authors.pth": {"model": authors},
    }.items():
        torch.save(content, tmp_path / name)
        loaded = build(spec, Weights(tmp_path / name, ""), seed=1).trunk.state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in state.items())


class Trap:
    """What runs code when it is unpickled by trust."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def test_a_file_with_code_in_it_is_refused_and_nothing_runs(toy: BackboneSpec, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "it_ran")
    state = build(toy, RANDOM, seed=0).trunk.state_dict()
    torch.save({**state, "cls_token": trap}, tmp_path / "zip.pth")
    (tmp_path / "bare.bin").write_bytes(pickle.dumps(trap))
    (tmp_path / "disguised.safetensors").write_bytes(pickle.dumps(trap))
    for name in ("zip.pth", "bare.bin", "disguised.safetensors"):
        with pytest.raises(MitofmError, match=name):
            build(toy, Weights(tmp_path / name, ""), seed=0)
        assert not (tmp_path / "it_ran").exists()
    with pytest.raises(MitofmError, match=r"zip.pth is no plain file of tensors.*could run code"):
        build(toy, Weights(tmp_path / "zip.pth", ""), seed=0)
    pickle.loads((tmp_path / "bare.bin").read_bytes())
    assert (tmp_path / "it_ran").exists()  # the trap works where it is trusted


def test_wrong_checkpoints_are_refused_with_the_reason(toy: BackboneSpec, tmp_path: Path) -> None:
    state = build(toy, RANDOM, seed=0).trunk.state_dict()

    def refused(name: str, content: dict[str, Any], reason: str) -> None:
        (save_file if name.endswith("safetensors") else torch.save)(content, tmp_path / name)
        with pytest.raises(MitofmError, match=reason) as caught:
            build(toy, Weights(tmp_path / name, ""), seed=0)
        assert len(str(caught.value)) < 900

    short = {key: value for key, value in state.items() if "1.attn.qkv" not in key}
    refused("short.safetensors", short, r"toy_vit_p8.*short.safetensors.*Missing.*blocks.1.attn.qkv.weight")
    refused("long.safetensors", {**state, "blocks.9.x": torch.ones(1)}, r"long.safetensors.*Unexpected.*blocks.9.x")
    wide = {key: torch.cat([value, value], -1).contiguous() for key, value in state.items()}
    refused("wide.safetensors", wide, r"wide.safetensors.*size mismatch")
    refused("other.pth", {"conv1.weight": torch.ones(64, 3, 7, 7)}, r"other.pth.*Missing key")
    refused("list.pth", [torch.ones(1)], r"list.pth holds no state_dict")  # type: ignore[arg-type]
    refused("numbers.pth", {"lr": 0.1}, r"numbers.pth holds no state_dict")
    patches = {**state, "patch_embed.proj.weight": torch.zeros(64, 3, 16, 16)}
    refused("p16.safetensors", patches, r"patches of \(8, 8\) px, but its weights are for patches of \(16, 16\) px")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_truncated_files_are_refused(toy: BackboneSpec, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(build(toy, RANDOM, seed=0).trunk.state_dict(), file)
    whole = file.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(MitofmError, match=file.name):
            build(toy, Weights(file, ""), seed=0)


def test_real_weights_load(resolved: Resolved, real_data: Path, tmp_path: Path) -> None:
    """DeiT-tiny at 96 px: the file loads strictly, and its embeddings differ between patches."""
    spec = spec_of(resolved, "backbone=deit_tiny", "backbone.img_size=96")
    backbone = build(spec, find(spec, real_data / "weights", Remembered(tmp_path)), 0).eval()
    with torch.inference_mode():
        embedded = backbone(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    assert embedded.shape == (2, 192)
    assert not torch.allclose(embedded[0], embedded[1])
