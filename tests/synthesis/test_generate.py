from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.errors import MitofmError
from mitofm.synthesis import generate
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.generate import TissueSettings
from mitofm.synthesis.tissue import PITCH

SMALL = TissueSettings(domains=("lymphoma", "melanoma"), slides_per_domain=2, cells_per_slide=6, seed=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate.generate(tmp_path_factory.mktemp("tissue"), SMALL)


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def test_every_cell_is_described_and_lies_in_its_image(place: Path) -> None:
    cells = pd.read_csv(place / generate.ANNOTATIONS)
    assert len(cells) == 2 * 2 * 6
    assert cells["sample_id"].is_unique
    assert set(cells["domain"]) == set(SMALL.domains)
    assert cells.groupby("slide")["label"].nunique().eq(2).all()
    assert set(cells["scanner"]) <= set(SCANNERS)
    for image, group in cells.groupby("image"):
        with Image.open(place / str(image)) as opened:
            assert opened.mode == "RGB"
            width, height = opened.size
        margin = 32  # a 64 px crop needs no reflection
        assert group["x"].between(margin, width - margin).all()
        assert group["y"].between(margin, height - margin).all()


def test_a_64_px_crop_never_holds_the_centre_of_another_cell(place: Path) -> None:
    assert PITCH - 2 * 8 >= 64
    for _, group in pd.read_csv(place / generate.ANNOTATIONS).groupby("image"):
        centres = group[["x", "y"]].to_numpy()
        apart = np.abs(centres[:, None] - centres[None]).max(axis=2) + 1000 * np.eye(len(centres))
        assert apart.min() >= 32


def test_cells_are_dark_where_the_table_says(place: Path) -> None:
    cells = pd.read_csv(place / generate.ANNOTATIONS)
    darker = []
    for image, group in cells.groupby("image"):
        grey = np.asarray(Image.open(place / str(image)).convert("L")).astype(float)
        for x, y in zip(group["x"], group["y"], strict=True):
            darker.append(grey[y - 14 : y + 14, x - 14 : x + 14].min() < np.median(grey) - 40)
    assert np.mean(darker) > 0.95


def test_equal_settings_give_equal_files(place: Path, tmp_path: Path) -> None:
    assert contents(generate.generate(tmp_path, SMALL)) == contents(place)


def test_more_slides_leave_the_others_as_they_are(place: Path, tmp_path: Path) -> None:
    more = TissueSettings(domains=("melanoma",), slides_per_domain=1, cells_per_slide=6, seed=3)
    name = "images/melanoma_00.png"
    assert (generate.generate(tmp_path, more) / name).read_bytes() == (place / name).read_bytes()


def test_another_seed_gives_other_tissue_in_another_folder(place: Path, tmp_path: Path) -> None:
    other = TissueSettings(domains=("lymphoma",), slides_per_domain=1, cells_per_slide=6, seed=4)
    made = generate.generate(tmp_path, other)
    assert made.name != place.name
    name = "images/lymphoma_00.png"
    assert (made / name).read_bytes() != (place / name).read_bytes()


def test_a_complete_folder_is_left_alone_and_an_incomplete_one_made_again(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / place.name
    shutil.copytree(place, copy)
    victim = copy / "images" / "melanoma_00.png"
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
    means = {
        domain: np.asarray(Image.open(place / f"images/{domain}_00.png")).reshape(-1, 3).mean(axis=0)
        for domain in SMALL.domains
    }
    assert np.abs(means["lymphoma"] - means["melanoma"]).max() > 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"domains": ["lymfoma"]}, "Did you mean 'lymphoma'"),
        ({"domains": []}, "at least one domain"),
        ({"domains": ["lymphoma", "lymphoma"]}, "each once"),
        ({"cells_per_slide": 1}, "cells_per_slide >= 2"),
        ({"slides_per_domain": 0}, "slides_per_domain >= 1"),
        ({"mitotic_share": 1.0}, "mitotic_share"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        TissueSettings(**wrong)  # type: ignore[arg-type]


def test_every_domain_names_scanners_that_exist() -> None:
    assert {name for domain in DOMAINS.values() for name in domain.scanners} == set(SCANNERS)
