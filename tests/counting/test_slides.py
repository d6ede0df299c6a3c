"""Which images beside those of a data set have no sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.counting.slides import Slide, list_unannotated


@pytest.mark.parametrize(("ending", "beside"), [(".tif", ["c"]), (".dcm", [])])
def test_images_beside_are_found_but_for_the_files_of_a_dicom_slide(
    tmp_path: Path, ending: str, beside: list[str]
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}{ending}").touch()
    (tmp_path / "points.csv").touch()
    slides = [Slide(name, tmp_path / f"{name}{ending}", name, "", 0.25, 100, 100, None, ()) for name in ("a", "b")]
    assert [path.stem for path in list_unannotated(slides)] == beside
