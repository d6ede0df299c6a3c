from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mitofm.backbones import embeddings, spec
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.embeddings import cache_embeddings
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.data.augment import cut_centre
from mitofm.data.dataset import Dataset
from mitofm.data.patches import PatchStore
from mitofm.ground import resumable

CPU = torch.device("cpu")


@pytest.fixture
def store(resolved: Callable[..., Any]) -> PatchStore:
    config = resolved()
    return Dataset(config["data"], Path(config["paths"]["cache"])).store()


@pytest.fixture
def backbone(resolved: Callable[..., Any]) -> Backbone:
    return build(BackboneSpec.from_config(resolved()["backbone"]), Weights(None, "random"), seed=1)


def online(store: PatchStore, backbone: Backbone, precision: torch.dtype = torch.float32) -> np.ndarray:
    patches = torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(np.arange(len(store.table))), store.crop_px)))
    with torch.inference_mode(), torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
        return backbone.eval()(patches).float().numpy()


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
def test_cached_embeddings_are_the_online_ones(
    store: PatchStore, backbone: Backbone, tmp_path: Path, precision: torch.dtype, tolerance: float
) -> None:
    found = cache_embeddings(store, "f" * 64, tmp_path, lambda: backbone, device=CPU, precision=precision)
    expected = online(store, backbone)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()
    again = cache_embeddings(
        store, "f" * 64, tmp_path, lambda: pytest.fail("built again"), device=CPU, precision=precision
    )
    np.testing.assert_array_equal(found, again)


def test_code_that_makes_other_embeddings_finds_none_of_before(
    resolved: Callable[..., Any], store: PatchStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = BackboneSpec.from_config(resolved()["backbone"])
    before = embeddings.locate_embeddings(store, seen.fingerprint("random", "fp32", 1), tmp_path)
    monkeypatch.setattr(spec, "EMBEDDING_VERSION", spec.EMBEDDING_VERSION + 1)
    assert embeddings.locate_embeddings(store, seen.fingerprint("random", "fp32", 1), tmp_path) != before


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_an_interrupted_extraction_goes_on_and_ends_the_same(
    store: PatchStore, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr(embeddings, "_PIECE", 40)
    monkeypatch.setitem(embeddings._BATCH, "cpu", 20)
    monkeypatch.setattr(resumable, "_NOTE_EVERY", 0.001)
    whole = cache_embeddings(store, "f" * 64, tmp_path / "whole", lambda: backbone, device=CPU, precision=torch.float32)
    passes: list[int] = []
    forward = backbone.forward

    def dies(patches: torch.Tensor) -> torch.Tensor:
        if len(passes) == batches:
            raise KeyboardInterrupt
        passes.append(len(patches))
        return forward(patches)

    monkeypatch.setattr(backbone, "forward", dies)
    with pytest.raises(KeyboardInterrupt):
        cache_embeddings(store, "f" * 64, tmp_path / "cut", lambda: backbone, device=CPU, precision=torch.float32)
    assert not list((tmp_path / "cut").rglob("*.npy"))
    seen: list[int] = []
    monkeypatch.setattr(backbone, "forward", lambda patches: seen.append(len(patches)) or forward(patches))
    cut = cache_embeddings(store, "f" * 64, tmp_path / "cut", lambda: backbone, device=CPU, precision=torch.float32)
    assert sum(seen) == len(store.table) - batches * 20 // 40 * 40
    np.testing.assert_array_equal(cut, whole)


def test_a_batch_too_large_for_the_device_is_halved(
    store: PatchStore, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(embeddings._BATCH, "cpu", 64)
    expected = online(store, backbone)
    forward, sizes = backbone.forward, []

    def fits_20(patches: torch.Tensor) -> torch.Tensor:
        sizes.append(len(patches))
        if len(patches) > 20:
            raise torch.cuda.OutOfMemoryError("too large")
        return forward(patches)

    monkeypatch.setattr(backbone, "forward", fits_20)
    found = cache_embeddings(store, "f" * 64, tmp_path, lambda: backbone, device=CPU, precision=torch.float32)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert sizes[:3] == [64, 32, 16]


def exchange(file: Path, array: np.ndarray) -> None:
    """Put another array in its place, as long as the first if it can be."""
    np.save(file, array)


DAMAGE = {
    "half zeros": lambda file, array: exchange(
        file, np.where(np.arange(len(array))[:, None] < len(array) // 2, array, 0)
    ),
    "rows shifted": lambda file, array: exchange(file, np.roll(array, 1, axis=0)),
    "another type": lambda file, array: exchange(file, array.astype(np.float64)),
    "twice the rows": lambda file, array: exchange(file, np.concatenate([array, array])),
    "columns first": lambda file, array: exchange(file, np.asfortranarray(array)),
    "nothing": lambda file, array: file.write_bytes(b""),
    "half": lambda file, array: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "a bit": lambda file, array: file.write_bytes(bytes([*file.read_bytes()[:-1], file.read_bytes()[-1] ^ 1])),
    "sums cut": lambda file, array: file.with_suffix(".json").write_text("{"),
    "sums of others": lambda file, array: file.with_suffix(".json").write_text(
        file.with_suffix(".json").read_text().replace("a", "b")
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_embeddings_that_changed_are_computed_again_and_told_in_one_line(
    store: PatchStore, backbone: Backbone, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def get() -> np.ndarray:
        return np.array(
            cache_embeddings(store, "f" * 64, tmp_path, lambda: backbone, device=CPU, precision=torch.float32)
        )

    first = get()
    (file,) = tmp_path.rglob("*.npy")
    DAMAGE[kind](file, first)
    np.testing.assert_array_equal(get(), first)
    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(str(file))
    assert line.endswith("it is computed again")
    np.testing.assert_array_equal(get(), first)
    assert len(caplog.records) == 1


def test_embeddings_of_before_there_were_sums_are_taken_if_rows_and_type_are_right(
    store: PatchStore, backbone: Backbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def get() -> np.ndarray:
        return np.array(
            cache_embeddings(store, "f" * 64, tmp_path, lambda: backbone, device=CPU, precision=torch.float32)
        )

    first = get()
    (file,), (sums,) = tmp_path.rglob("*.npy"), (tmp_path / "embeddings").glob("*.json")
    noted = sums.read_text()
    sums.unlink()
    np.testing.assert_array_equal(get(), first)
    assert "its numbers are unchecked" in caplog.records[-1].message
    assert sums.read_text() == noted
    for wrong in (first[:-1], np.concatenate([first, first]), first[:, :-1], first.astype(np.float16)):
        sums.unlink()
        exchange(file, wrong)
        np.testing.assert_array_equal(get(), first)
        assert "it is computed again" in caplog.records[-1].message


def test_whole_embeddings_are_read_for_their_sums_once(
    store: PatchStore, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get() -> np.ndarray:
        return cache_embeddings(
            store, "f" * 64, tmp_path, lambda: pytest.fail("built again"), device=CPU, precision=torch.float32
        )

    cache_embeddings(store, "f" * 64, tmp_path, lambda: backbone, device=CPU, precision=torch.float32)
    get()
    monkeypatch.setattr("mitofm.backbones.embedding_sums.xxh3_128_hexdigest", lambda _: pytest.fail("read again"))
    get()
