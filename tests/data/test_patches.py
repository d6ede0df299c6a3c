from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data import building, cutting
from mitofm.data.annotations import validate
from mitofm.data.images.base import Image as Opened
from mitofm.data.images.open import open_image
from mitofm.data.patches import PatchStore, ensure
from mitofm.ground import resumable
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum
from mitofm.ground.fingerprints import Remembered


class Regions:
    """Random region images with samples in them, the images written once."""

    def __init__(self, root: Path, samples: int = 30, images: int = 5, mpp: float | None = None) -> None:
        self.root = root
        rng = np.random.default_rng(0)
        columns = {
            "sample_id": [f"c{i:03d}" for i in rng.permutation(samples)],
            "dataset": "regions",
            "image": [f"{i % images}.png" for i in range(samples)],
            "x": rng.integers(0, 60, samples),
            "y": rng.integers(0, 50, samples),
            "label": np.arange(samples) % 2,
            "slide": [f"s{i % images}" for i in range(samples)],
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
        for sample in self.table().itertuples():
            wide = np.pad(
                np.asarray(Image.open(self.root / str(sample.image))), ((40, 40), (40, 40), (0, 0)), "reflect"
            )
            top, left = 40 + int(sample.y) - side // 2, 40 + int(sample.x) - side // 2  # type: ignore[arg-type]
            found.append(wide[top : top + side, left : left + side])
        return np.stack(found)


def build(source: Regions, cache: Path, **settings: object) -> PatchStore:
    given = {"crop_px": 12, "margin_px": 2, "image_mpp": 0.25} | settings
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
    assert read.flags.writeable


def test_a_finished_store_is_opened_and_its_images_are_not(
    source: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(source, tmp_path / "cache")
    monkeypatch.setattr(building, "open_image", lambda path: pytest.fail(f"opened {path}"))
    assert build(source, tmp_path / "cache").key == first.key


@pytest.mark.parametrize("settings", [{"crop_px": 14}, {"margin_px": 1}, {"mpp": 0.5}, {"image_mpp": 0.5}])
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


@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_an_interrupted_build_goes_on_where_it_stopped(
    source: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """18 of 30 samples, that is 3 of 5 images, were cut before the interruption; pieces of 1, 5 + 1 or all samples."""
    monkeypatch.setattr(cutting, "_PIECE", piece * 16 * 16 * 3)
    monkeypatch.setattr(resumable, "_NOTE_EVERY", 0.001)
    monkeypatch.setattr(building, "_count_workers", lambda: 1)
    opened: list[str] = []

    def dies_at_the_fourth(path: Path) -> Opened:
        if len(opened) == 3:
            raise KeyboardInterrupt
        opened.append(path.name)
        return open_image(path)

    monkeypatch.setattr(building, "open_image", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "cache")
    (folder,) = (path for path in (tmp_path / "cache").glob("regions-*") if path.is_dir())
    with pytest.raises(MitofmError, match="no finished patch store"):
        PatchStore.open(folder, Remembered(tmp_path))
    monkeypatch.setattr(building, "open_image", open_image)
    cut: list[int] = []
    whole = cutting.cut
    monkeypatch.setattr(
        cutting, "cut", lambda image, samples, *more: cut.append(len(samples)) or whole(image, samples, *more)
    )
    store = build(source, tmp_path / "cache")
    assert sum(cut) == {1: 12, 5: 12, 1000: 30}[piece]
    np.testing.assert_array_equal(store.patches, source.expected(16))
    assert not (store.path / "patches.npy.progress").exists()


def test_progress_beside_a_broken_array_is_not_believed(source: Regions, tmp_path: Path) -> None:
    store = build(source, tmp_path / "cache")
    (store.path / "store.json").unlink()
    (store.path / "patches.npy.progress").write_text(
        json.dumps({"pieces": list(range(30)), "checksum": checksum(["patches.npy", list(range(30))])})
    )
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
                PatchStore.open(store.path, Remembered(tmp_path / "known"))
        (store.path / name).write_bytes(originals[name])
    assert PatchStore.open(store.path, Remembered(tmp_path / "known")).key == store.key


def test_another_resolution_is_resampled_and_nearly_the_same_is_not(tmp_path: Path) -> None:
    coarse = Regions(tmp_path, mpp=0.5)
    assert cutting.side(64, 0.5, 0.25) == 32
    assert cutting.side(64, 0.25, 0.25) == cutting.side(64, 0.245, 0.25) == 64
    assert cutting.side(64, float("nan"), 0.25) == cutting.side(64, 0.5, None) == 64
    store = build(coarse, tmp_path / "cache", mpp=0.25, image_mpp=None)
    assert store.patches.shape == (30, 16, 16, 3)
    unscaled = build(coarse, tmp_path / "cache")
    assert (store.patches != unscaled.patches).any()


@pytest.mark.parametrize("settings", [{"crop_px": 0}, {"margin_px": -1}, {"mpp": 0.0}])
def test_sizes_that_cannot_be_are_refused(source: Regions, tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(MitofmError, match="crop_px >= 1"):
        build(source, tmp_path / "cache", **settings)


def test_missing_images_are_named(source: Regions, tmp_path: Path) -> None:
    with pytest.raises(
        MitofmError, match=r"0\.png: this file does not say its resolution.*5 such images.*data\.image_mpp"
    ):
        build(source, tmp_path / "cache", mpp=0.25, image_mpp=None)
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(MitofmError, match=r"3\.png: this image cannot be read \(the file is empty\)"):
        build(source, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("regions-*/")), "nothing is begun that cannot be finished"
    (tmp_path / "2.png").unlink()
    with pytest.raises(MitofmError, match=r"1 of 5 image files are missing .*: 2\.png"):
        build(source, tmp_path / "cache")


def test_an_unwritable_place_and_a_full_disk_are_one_message_and_leave_no_store(
    source: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MitofmError, match=r"cannot be written \(.*paths\.cache"):
        build(source, tmp_path / "file" / "cache")
    usage = resumable.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(resumable.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(MitofmError, match=r"cannot be written \(0\.0 GB are needed and 0\.0 GB free\)\. Make room"):
        build(source, tmp_path / "cache")
    monkeypatch.undo()
    np.testing.assert_array_equal(build(source, tmp_path / "cache").patches, source.expected(16))


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small disk takes root on Linux")
def test_a_disk_that_fills_up_is_met_before_the_first_patch(source: Regions, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(MitofmError, match="the patch store cannot be written"):
            build(source, disk, crop_px=60)
        assert not list(disk.glob("*/store.json"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(MitofmError, match="the patch store cannot be written"):
            build(source, disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


_BUILD = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_patches import Regions, build
from mitofm.ground import resumable
from mitofm.data import building, cutting
cutting._PIECE, resumable._NOTE_EVERY, building._workers = 5000, 0.001, lambda: 2
root = Path({root!r})
build(Regions(root, samples=600, images=40), root / "killed")
"""


def test_killed_at_ten_moments_the_store_ends_byte_for_byte_as_if_it_had_not_been(tmp_path: Path) -> None:
    source = Regions(tmp_path, samples=600, images=40)
    whole = build(source, tmp_path / "whole")
    command = [sys.executable, "-c", _BUILD.format(here=str(Path(__file__).parent), root=str(tmp_path))]
    rng = np.random.default_rng(0)
    kills = 0
    store = tmp_path / "killed" / whole.path.name
    while kills < 10:
        process = subprocess.Popen(command)
        while process.poll() is None and not (store / "patches.npy").exists():
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.08))
        process.kill()
        process.wait()
        kills += 1
        if (store / "store.json").exists():  # it was too fast: begin again, which keeps ten kills of unfinished builds
            kills -= 1
            shutil.rmtree(store)
    subprocess.run(command, check=True)
    for name in ("patches.npy", "table.parquet", "store.json"):
        assert (store / name).read_bytes() == (whole.path / name).read_bytes(), name
