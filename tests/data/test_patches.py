from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data import cutting, patches
from mitofm.data.annotations import validate
from mitofm.data.patches import PatchStore, ensure
from mitofm.errors import MitofmError
from mitofm.fingerprints import Remembered


class Regions:
    """Random region images with cells in them, the images written once."""

    def __init__(self, root: Path, cells: int = 30, images: int = 5, mpp: float | None = None) -> None:
        self.root = root
        rng = np.random.default_rng(0)
        columns = {
            "sample_id": [f"c{i:03d}" for i in rng.permutation(cells)],
            "dataset": "regions",
            "image": [f"{i % images}.png" for i in range(cells)],
            "x": rng.integers(0, 60, cells),
            "y": rng.integers(0, 50, cells),
            "label": np.arange(cells) % 2,
            "slide": [f"s{i % images}" for i in range(cells)],
            "domain": "lymphoma",
        }
        self._table = pd.DataFrame(columns if mpp is None else columns | {"mpp": mpp})
        for i in range(images):
            if not (root / f"{i}.png").exists():
                Image.fromarray(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(root / f"{i}.png")

    def prepare(self) -> None: ...

    def files(self) -> list[Path]:
        return []

    def table(self) -> pd.DataFrame:
        return validate(self._table, "regions")

    def expected(self, side: int) -> np.ndarray:
        """The patches, cut one by one out of padded images."""
        found = []
        for cell in self.table().itertuples():
            wide = np.pad(np.asarray(Image.open(self.root / str(cell.image))), ((40, 40), (40, 40), (0, 0)), "reflect")
            top, left = 40 + int(cell.y) - side // 2, 40 + int(cell.x) - side // 2  # type: ignore[arg-type]
            found.append(wide[top : top + side, left : left + side])
        return np.stack(found)


def build(source: Regions, cache: Path, **settings: object) -> PatchStore:
    given = {"crop_px": 12, "margin_px": 2} | settings
    return ensure(source, name="regions", cache=cache, remembered=Remembered(cache / "known"), **given)  # type: ignore[arg-type]


@pytest.fixture
def source(tmp_path: Path) -> Regions:
    return Regions(tmp_path)


def test_the_store_holds_every_patch_in_the_order_of_the_table(source: Regions, tmp_path: Path) -> None:
    store = build(source, tmp_path / "cache")
    assert store.patches.shape == (30, 16, 16, 3)
    pd.testing.assert_frame_equal(store.table, source.table(), check_dtype=False)
    np.testing.assert_array_equal(store.patches, source.expected(16))


def test_reading_gives_a_copy_in_the_asked_order(source: Regions, tmp_path: Path) -> None:
    store = build(source, tmp_path / "cache")
    rows = np.array([7, 0, 7, 29])
    read = store.read(rows)
    np.testing.assert_array_equal(read, source.expected(16)[rows])
    read[:] = 0
    np.testing.assert_array_equal(store.read(rows), source.expected(16)[rows])
    assert store.read(np.array([], dtype=int)).shape == (0, 16, 16, 3)
    with pytest.raises(ValueError, match="read-only"):
        store.patches[0] = 0


def test_a_finished_store_is_opened_and_its_images_are_not(
    source: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(source, tmp_path / "cache")
    monkeypatch.setattr(cutting.images, "read", lambda path: pytest.fail(f"opened {path}"))
    assert build(source, tmp_path / "cache").key == first.key


@pytest.mark.parametrize("settings", [{"crop_px": 14}, {"margin_px": 1}, {"mpp": 0.5}])
def test_other_settings_give_another_store(source: Regions, tmp_path: Path, settings: dict[str, object]) -> None:
    one, two = build(source, tmp_path / "cache"), build(source, tmp_path / "cache", **settings)
    assert one.key != two.key
    assert one.path != two.path


def test_a_changed_image_gives_another_store(source: Regions, tmp_path: Path) -> None:
    one = build(source, tmp_path / "cache")
    Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(tmp_path / "0.png")
    two = build(source, tmp_path / "cache")
    assert one.key != two.key
    assert (two.patches[two.table["image"] == "0.png"] == 0).all()


def test_the_key_does_not_depend_on_where_the_data_lies(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    one, two = (build(Regions(tmp_path / folder), tmp_path / folder / "cache") for folder in ("here", "there"))
    assert one.key == two.key


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_an_interrupted_build_goes_on_where_it_stopped(
    source: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(patches, "_CHUNK", chunk)
    opened: list[str] = []
    read = cutting.images.read

    def dies_at_the_fourth(path: Path) -> np.ndarray:
        opened.append(path.name)
        if len(opened) == 4:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(patches.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(cutting.images, "read", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "cache")
    with pytest.raises(MitofmError, match="no finished patch store"):
        PatchStore.open(next(path for path in (tmp_path / "cache").glob("regions-*") if path.is_dir()))
    done_before = {1: 3, 7: 2, 1000: 0}[chunk]  # files whose chunk had been noted: 6 cells lie in each
    opened_before = len(opened)
    store = build(source, tmp_path / "cache")
    assert len(opened) - opened_before == 5 - done_before
    np.testing.assert_array_equal(store.patches, source.expected(16))
    assert not (store.path / "progress.json").exists()


def test_progress_beside_a_broken_array_is_not_believed(source: Regions, tmp_path: Path) -> None:
    store = build(source, tmp_path / "cache")
    (store.path / "store.json").unlink()
    (store.path / "progress.json").write_text(json.dumps({"patches": 30}))
    (store.path / "patches.npy").write_bytes(b"short")
    np.testing.assert_array_equal(build(source, tmp_path / "cache").patches, source.expected(16))


def _build_in_a_process(root: Path) -> str:
    return build(Regions(root), root / "cache").key


def test_two_processes_build_one_store(source: Regions, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        keys = pool.map(_build_in_a_process, [tmp_path] * 2)
    assert keys[0] == keys[1]
    np.testing.assert_array_equal(build(source, tmp_path / "cache").patches, source.expected(16))


def test_damage_is_seen_on_opening(source: Regions, tmp_path: Path) -> None:
    store = build(source, tmp_path / "cache")
    originals = {name: (store.path / name).read_bytes() for name in ("patches.npy", "table.parquet", "store.json")}
    other = store.table.assign(label=1 - store.table["label"])
    other.to_parquet(tmp_path / "other.parquet", index=False)
    np.save(tmp_path / "other.npy", np.zeros((30, 15, 15, 3), np.uint8))
    damages = {
        "patches.npy": [originals["patches.npy"][:-100], b"", (tmp_path / "other.npy").read_bytes()],
        "table.parquet": [originals["table.parquet"][:-10], (tmp_path / "other.parquet").read_bytes()],
        "store.json": [b"{", b"{}", originals["store.json"].replace(store.key.encode(), b"0" * 64)],
    }
    for name, contents in damages.items():
        for content in contents:
            (store.path / name).write_bytes(content)
            with pytest.raises(MitofmError, match=r"damaged .*Delete the folder"):
                PatchStore.open(store.path)
        (store.path / name).write_bytes(originals[name])
    assert PatchStore.open(store.path).key == store.key


def test_another_resolution_is_resampled_and_nearly_the_same_is_not(tmp_path: Path) -> None:
    coarse = Regions(tmp_path, mpp=0.5)
    assert cutting.side(64, 0.5, 0.25) == 32
    assert cutting.side(64, 0.25, 0.25) == cutting.side(64, 0.245, 0.25) == 64
    assert cutting.side(64, float("nan"), 0.25) == cutting.side(64, 0.5, None) == 64
    store = build(coarse, tmp_path / "cache", mpp=0.25)
    assert store.patches.shape == (30, 16, 16, 3)
    unscaled = build(coarse, tmp_path / "cache")
    assert (store.patches != unscaled.patches).any()


@pytest.mark.parametrize("settings", [{"crop_px": 0}, {"margin_px": -1}, {"mpp": 0.0}])
def test_sizes_that_cannot_be_are_refused(source: Regions, tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(MitofmError, match="crop_px >= 1"):
        build(source, tmp_path / "cache", **settings)


def test_missing_images_and_cells_outside_are_named(source: Regions, tmp_path: Path) -> None:
    source._table.loc[4, "x"] = 60
    cell = source._table.loc[4, "sample_id"]
    with pytest.raises(MitofmError, match=rf"4\.png: cell {cell} lies at \(60, .*outside this image of 60 x 50 px"):
        build(source, tmp_path / "cache")
    (tmp_path / "2.png").unlink()
    with pytest.raises(MitofmError, match=r"1 of 5 image files are missing .*the first is 2\.png"):
        build(source, tmp_path / "cache")
