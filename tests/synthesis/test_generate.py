from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

from mitofm.data.images.open import open_image
from mitofm.data.sources.coco import Coco
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError
from mitofm.synthesis import generate
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.generate import TissueSettings
from mitofm.synthesis.lookalikes import LOOK_ALIKES
from mitofm.synthesis.mitoses import PHASES
from mitofm.synthesis.tissue import PITCH

SMALL = TissueSettings(domains=("canine lymphoma", "human melanoma"), slides_per_domain=2, cells_per_slide=6, seed=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate.generate(tmp_path_factory.mktemp("tissue"), SMALL)


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def cells_of(place: Path) -> pd.DataFrame:
    return Coco(place, "tissue", generate.ANNOTATIONS, boxes="corners", positive=[1], negative=[2]).table()


def grey(place: Path, image: str) -> np.ndarray:
    return tifffile.imread(place / image).mean(axis=2)


def test_the_source_of_midog_reads_it_and_every_cell_lies_in_its_image(place: Path) -> None:
    cells = cells_of(place)
    assert len(cells) == 2 * 2 * 6
    assert set(cells["domain"]) == set(SMALL.domains)
    assert cells.groupby("slide")["label"].nunique().eq(2).all()
    assert set(cells["scanner"]) <= set(SCANNERS)
    for image, group in cells.groupby("image"):
        height, width = grey(place, str(image)).shape
        margin = 32  # a 64 px crop needs no reflection
        assert group["x"].between(margin, width - margin).all()
        assert group["y"].between(margin, height - margin).all()


def test_images_are_tiles_of_jpeg_that_state_their_resolution(place: Path) -> None:
    with open_image(place / "images" / "human_melanoma_00.tif") as image:
        assert (image.tile_height, image.tile_width, image.mpp) == (256, 256, pytest.approx(generate.MPP))
    with tifffile.TiffFile(place / "images" / "human_melanoma_00.tif") as file:
        assert file.pages.first.compression == tifffile.COMPRESSION.JPEG


def test_every_annotation_says_what_the_cell_is(place: Path) -> None:
    content = json.loads((place / generate.ANNOTATIONS).read_text())
    known = {1: set(PHASES), 2: set(LOOK_ALIKES)}
    assert all(cell["kind"] in known[cell["category_id"]] for cell in content["annotations"])


def test_a_64_px_crop_never_holds_the_centre_of_another_cell(place: Path) -> None:
    assert PITCH - 2 * 8 >= 64
    for _, group in cells_of(place).groupby("image"):
        centres = group[["x", "y"]].to_numpy()
        apart = np.abs(centres[:, None] - centres[None]).max(axis=2) + 1000 * np.eye(len(centres))
        assert apart.min() >= 32


def test_cells_are_dark_where_the_table_says(place: Path) -> None:
    darker = []
    for image, group in cells_of(place).groupby("image"):
        seen = grey(place, str(image))
        for x, y in zip(group["x"].astype(int), group["y"].astype(int), strict=True):
            darker.append(seen[y - 14 : y + 14, x - 14 : x + 14].min() < np.median(seen) - 40)
    assert np.mean(darker) > 0.9


def test_equal_settings_give_equal_files(place: Path, tmp_path: Path) -> None:
    assert contents(generate.generate(tmp_path, SMALL)) == contents(place)


def test_more_slides_leave_the_others_as_they_are(place: Path, tmp_path: Path) -> None:
    more = TissueSettings(domains=("human melanoma",), slides_per_domain=1, cells_per_slide=6, seed=3)
    name = "images/human_melanoma_00.tif"
    assert (generate.generate(tmp_path, more) / name).read_bytes() == (place / name).read_bytes()


def test_another_seed_gives_other_tissue_in_another_folder(place: Path, tmp_path: Path) -> None:
    other = TissueSettings(domains=("canine lymphoma",), slides_per_domain=1, cells_per_slide=6, seed=4)
    made = generate.generate(tmp_path, other)
    assert made.name != place.name
    name = "images/canine_lymphoma_00.tif"
    assert (made / name).read_bytes() != (place / name).read_bytes()


def test_a_complete_folder_is_left_alone_and_an_incomplete_one_made_again(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / place.name
    shutil.copytree(place, copy)
    victim = copy / "images" / "human_melanoma_00.tif"
    victim.unlink()
    generate.generate(tmp_path, SMALL)
    assert not victim.exists()  # the marker says it is complete: nothing is looked at again
    (copy / generate.MARKER).unlink()
    generate.generate(tmp_path, SMALL)
    assert contents(copy) == contents(place)


def test_two_at_once_give_one_whole_folder(place: Path, tmp_path: Path) -> None:
    threads = [threading.Thread(target=generate.generate, args=(tmp_path, SMALL)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(tmp_path / place.name) == contents(place)


def test_domains_differ_in_colour(place: Path) -> None:
    means = [
        tifffile.imread(place / f"images/{domain.replace(' ', '_')}_00.tif").reshape(-1, 3).mean(axis=0)
        for domain in SMALL.domains
    ]
    assert np.abs(means[0] - means[1]).max() > 10


def test_prevalence_is_that_of_midogpp() -> None:
    card = yaml.safe_load((conf_dir() / "data" / "midogpp.yaml").read_text())
    published = {
        name: counts["positive"] / (counts["positive"] + counts["negative"]) for name, counts in card["counts"].items()
    }
    assert {name: domain.mitotic_share for name, domain in DOMAINS.items()} == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"domains": ["canine lymfoma"]}, "Did you mean 'canine lymphoma'"),
        ({"domains": []}, "at least one domain"),
        ({"domains": ["canine lymphoma", "canine lymphoma"]}, "each once"),
        ({"cells_per_slide": 1}, "cells_per_slide >= 2"),
        ({"slides_per_domain": 0}, "slides_per_domain >= 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        TissueSettings(**wrong)  # type: ignore[arg-type]


def test_every_domain_names_scanners_that_exist() -> None:
    assert {name for domain in DOMAINS.values() for name in domain.scanners} == set(SCANNERS)
