"""`mitofm prepare` and `mitofm datasets` as a user types them, on regions in MIDOG's own format made here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mitofm.ground.config import conf_dir

from ..data.downloads.server import Server
from ..data.images.regions import dotted, field, jpeg_tiff
from .test_commands import typed

CELLS = [(60, 70), (200, 90), (330, 260), (90, 240)]
HUMAN = "human breast cancer"


def midog(folder: Path, **change: Any) -> None:
    """Two regions of MIDOG++ and their JSON."""
    folder.mkdir(parents=True)
    for number in (1, 2):
        jpeg_tiff(folder / f"00{number}.tiff", dotted(field(300, 400), np.array(CELLS)), 0.25)
    entries = [(image, x, y) for image in (1, 2) for x, y in CELLS]
    content = {
        "images": [{"id": i, "file_name": f"00{i}.tiff", "width": 400, "height": 300} for i in (1, 2)],
        "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "hard negative"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": 1 + n % 2, "bbox": [x - 25, y - 25, x + 25, y + 25]}
            for n, (image, x, y) in enumerate(entries)
        ],
    }
    (folder / "MIDOG++.json").write_text(json.dumps(content | change))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    midog(tmp_path / "data" / "midogpp")
    return tmp_path


def test_from_the_published_files_to_a_store_and_a_look_at_it(place: Path) -> None:
    done = typed("prepare", "data=midogpp", "data.crop_px=64", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not as on the card") == 9  # 3 counts of one domain, 6 domains absent
    assert HUMAN in done.stdout
    (page,) = place.glob("cache/patches/midogpp-*/look/index.html")
    assert {sheet.name for sheet in page.parent.glob("*.png")} == {
        "human-breast-cancer-mitotic-figure.png",
        "human-breast-cancer-hard-negative.png",
    }
    assert '<img src="human-breast-cancer-mitotic-figure.png"' in page.read_text()
    again = typed("prepare", "data=midogpp", "data.crop_px=64", "look=false", cwd=place)
    assert [line for line in again.stdout.splitlines() if line.startswith("patches:")]
    row = next(line for line in typed("datasets", cwd=place).stdout.splitlines() if line.startswith("midogpp "))
    assert "11,937 / 14,349" in row
    assert " yes " in row


def test_strict_makes_findings_errors_and_builds_nothing(place: Path) -> None:
    done = typed("prepare", "data=midogpp", "strict=true", cwd=place)
    assert done.returncode == 2
    assert "of its checks failed, nothing was built" in done.stderr
    assert not list(place.glob("cache/patches/*"))


def test_second_stores_are_cut_beside_the_cells(place: Path) -> None:
    asked = ["background.per_image=6", "background.distance_px=40", "jittered.per_cell=3", "jittered.offset_px=8"]
    done = typed("prepare", "data=midogpp", "data.crop_px=32", "look=false", *asked, cwd=place)
    assert done.returncode == 0, done.stderr
    stores = {path.name.split("-")[1]: path for path in place.glob("cache/patches/midogpp-*-*") if path.is_dir()}
    assert np.load(stores["background"] / "patches.npy").shape == (12, 64, 64, 3)
    assert np.load(stores["jittered"] / "patches.npy").shape == (24, 64, 64, 3)


def _cut_short(folder: Path) -> None:
    whole = (folder / "002.tiff").read_bytes()
    (folder / "002.tiff").write_bytes(whole[: len(whole) // 2])


def _emptied(folder: Path) -> None:
    (folder / "001.tiff").write_bytes(b"")


def _boxes_of_coco(folder: Path) -> None:
    content = json.loads((folder / "MIDOG++.json").read_text())
    for entry in content["annotations"]:
        x, y, _, _ = entry["bbox"]
        entry["bbox"] = [x, y, 50, 50]
    (folder / "MIDOG++.json").write_text(json.dumps(content))


def _label_3(folder: Path) -> None:
    content = json.loads((folder / "MIDOG++.json").read_text())
    content["annotations"][5]["category_id"] = 3
    (folder / "MIDOG++.json").write_text(json.dumps(content))


def _missing_image(folder: Path) -> None:
    (folder / "002.tiff").unlink()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_cut_short, ["002.tiff", "cannot be read", "Fetch it again"]),
        (_emptied, ["001.tiff", "the file is empty"]),
        (_boxes_of_coco, ["MIDOG++.json", "annotation", "source.boxes=xywh"]),
        (_label_3, ["MIDOG++.json", "3"]),
        (_missing_image, ["002.tiff"]),
    ],
)
def test_bad_files_are_one_message_that_names_them_and_leave_no_store(place: Path, harm: Any, says: list[str]) -> None:
    harm(place / "data" / "midogpp")
    done = typed("prepare", "data=midogpp", "data.crop_px=32", cwd=place)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in done.stderr
    assert not list(place.glob("cache/patches/*/store.json"))


def test_what_is_not_there_says_what_it_takes_to_fetch_it(tmp_path: Path) -> None:
    done = typed("prepare", "data=midogpp", cwd=tmp_path)
    assert done.returncode == 2
    assert "Add download=true to fetch them (65 GB in all; licence: CC0)" in done.stderr


def test_the_card_of_one_and_a_misspelt_one(tmp_path: Path) -> None:
    assert "44880" in typed("datasets", "ccmct", cwd=tmp_path).stdout
    assert "Did you mean 'ccmct'?" in typed("datasets", "cmct", cwd=tmp_path).stderr


def test_a_published_set_is_fetched_verified_and_prepared(tmp_path: Path) -> None:
    published = tmp_path / "published"
    midog(published)
    server = Server(tmp_path)
    for file in published.iterdir():
        server.content[f"/files/{file.name}"] = file.read_bytes()
    files = [
        {"name": file.name, "url": f"{server.url}/files/{file.name}", "bytes": file.stat().st_size}
        | {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in sorted(published.iterdir())
    ]
    own = tmp_path / "conf" / "data"
    own.mkdir(parents=True)
    config = yaml.safe_load((conf_dir() / "data" / "midogpp.yaml").read_text())
    config["download"] = {"_target_": "mitofm.data.downloads.urls.Urls", "files": files}
    (own / "mine.yaml").write_text(yaml.safe_dump(config | {"crop_px": 64}))
    typing = {"cwd": tmp_path, "env": {"MITOFM_CONF": str(tmp_path / "conf")}}
    done = typed("prepare", "data=mine", **typing)
    assert "Add download=true" in done.stderr
    done = typed("prepare", "data=mine", "download=true", "look=false", **typing)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("cache/patches/midogpp-*/store.json"))
    asked = len(server.asked)
    assert typed("prepare", "data=mine", "download=true", "look=false", **typing).returncode == 0
    assert len(server.asked) == asked, "what is there and verified is not asked for again"
    _cut_short(tmp_path / "data" / "midogpp")
    done = typed("prepare", "data=mine", "look=false", **typing)
    assert done.returncode == 2
    assert "002.tiff" in done.stderr
    assert "are not the published ones" in done.stderr
