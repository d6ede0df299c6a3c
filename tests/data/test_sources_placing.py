"""Images that lie elsewhere than their annotations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.data.sources.placing import place
from mitofm.ground.errors import MitofmError


def disk(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


@pytest.mark.parametrize(
    ("there", "stated", "found"),
    [
        ("001.tiff", "001.tiff", "001.tiff"),
        ("images/001.tiff", "001.tiff", "images/001.tiff"),
        ("001.TIFF", "001.tiff", "001.TIFF"),
        ("001.tif", "001.tiff", "001.tif"),
        ("Images/part 2/001.TIF", "001.tiff", "Images/part 2/001.TIF"),
        ("part_1/01/01.tif", "01/01.tif", "part_1/01/01.tif"),
        ("a.svs", "case 7/a.svs", "a.svs"),
        ("Images/001.tiff", "images/001.tiff", "Images/001.tiff"),
        ("001.png", "001.tiff", "001.tiff"),  # another format is another image
        ("1.tiff", "001.tiff", "001.tiff"),
        (".trash/001.tiff", "001.tiff", "001.tiff"),
        ("a/b/c/d/e/001.tiff", "001.tiff", "001.tiff"),
    ],
)
def test_one_image_is_found(tmp_path: Path, there: str, stated: str, found: str) -> None:
    assert place(disk(tmp_path, there), [stated], "mine") == {stated: found}


def test_the_stated_place_and_the_stated_spelling_come_first(tmp_path: Path) -> None:
    disk(tmp_path, "001.tiff", "thumbs/001.tiff", "images/002.tiff", "other/002.TIF", "Sub/003.tiff", "sub/x/003.TIF")
    assert place(tmp_path, ["001.tiff", "002.tiff", "sub/003.tif"], "mine") == {
        "001.tiff": "001.tiff",
        "002.tiff": "images/002.tiff",
        "sub/003.tif": "Sub/003.tiff",
    }


def test_of_two_that_may_be_meant_none_is_taken(tmp_path: Path) -> None:
    disk(tmp_path, "thumbs/001.tiff", "images/001.tiff")
    with pytest.raises(
        MitofmError, match=r"'mine': image 001\.tiff is not at .*images/001\.tiff or thumbs/001\.tiff may"
    ):
        place(tmp_path, ["001.tiff"], "mine")


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    disk(tmp_path, "part/01/01.tif", "part/02/01.tif", "03/02.tif")
    assert place(tmp_path, ["01/01.tif", "02/01.tif", "04/01.tif", "05/02.tif"], "mine") == {
        "01/01.tif": "part/01/01.tif",
        "02/01.tif": "part/02/01.tif",
        "04/01.tif": "04/01.tif",  # some 01.tif, but whose?
        "05/02.tif": "03/02.tif",  # the only one of that name that is stated
    }


def test_two_images_are_never_one_file(tmp_path: Path) -> None:
    disk(tmp_path, "1.tif")
    assert place(tmp_path, ["1.tif", "1.tiff"], "mine") == {"1.tif": "1.tif", "1.tiff": "1.tiff"}
    assert place(tmp_path, ["a/1.tiff", "1.TIF"], "mine") == {"a/1.tiff": "a/1.tiff", "1.TIF": "1.TIF"}


def test_without_a_folder_all_keep_their_paths(tmp_path: Path) -> None:
    assert place(tmp_path / "none", ["1.tif"], "mine") == {"1.tif": "1.tif"}
