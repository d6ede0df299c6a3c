"""A slide read in blocks gives what it would give as a whole, and a killed pass goes on at its last band."""

from pathlib import Path

import numpy as np
import pytest

from mitofm.counting.matching import match
from mitofm.data.images.open import open_image
from mitofm.data.proposals import survey as surveys
from mitofm.data.proposals.blobs import propose
from mitofm.data.proposals.blocks import Block, CachedTiles, list_bands
from mitofm.data.proposals.survey import FIELD, survey
from mitofm.data.proposals.tissue import shrink
from mitofm.synthesis.tissue import Region

from ...counting.conftest import MPP, write_tiff

STEP = 32


@pytest.fixture(scope="module")
def slide(region: Region, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Tissue across the border of four fields."""
    pixels = np.full((2500, 2700, 3), 243, np.uint8)
    side = FIELD * STEP
    half = len(region.image) // 2
    pixels[side - half : side + half, side - half : side + half] = region.image
    return write_tiff(tmp_path_factory.mktemp("survey") / "a.tif", pixels), pixels


def test_blocks_give_the_proposals_and_the_picture_of_the_whole(slide: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path, pixels = slide
    shares: list[float] = []
    with open_image(path) as image:
        found = survey(CachedTiles(image), MPP, None, 1e6, tmp_path, shares.append)
    assert (found.small == shrink(pixels, STEP)).all()
    assert sum(shares) == pytest.approx(1)
    whole, _ = propose(pixels, MPP)
    pairs = match(found.places, whole, 0.01)
    outside = len(whole) - len(pairs)  # those on a pixel of the small picture that is glass
    assert len(pairs) == len(found.places) > 250
    assert outside < 0.05 * len(whole)


def test_a_field_has_no_more_than_its_tissue_is_worth(slide: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    with open_image(slide[0]) as image:
        few = survey(image, MPP, None, 1000, tmp_path / "few", lambda _: None).places
        all_ = survey(image, MPP, None, 1e6, tmp_path / "all", lambda _: None).places
    assert 20 <= len(few) <= 1000 * 640**2 * (MPP / 1000) ** 2 + 4
    assert len(match(few, all_, 0.01)) == len(few)


def test_outside_the_region_nothing_is_read(slide: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    mask = np.zeros((79, 85), bool)
    mask[50:60, 50:60] = True
    with open_image(slide[0]) as image:
        decoded: list[tuple[int, int]] = []
        kept = image.tile
        image.tile = lambda row, column: decoded.append((row, column)) or kept(row, column)  # type: ignore[method-assign]
        found = survey(image, MPP, mask, 1e6, tmp_path, lambda _: None)
    assert {place // (FIELD * STEP // 256) for row, column in decoded for place in (row - 1, column - 1)} <= {0, -1}
    inside = mask[tuple((found.places[:, ::-1] // STEP).astype(int).T)]
    assert inside.all()
    assert len(found.places) > 20


def test_finished_bands_are_not_read_again(
    slide: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_image(slide[0]) as image:
        first = survey(image, MPP, None, 3000, tmp_path, lambda _: None)
        (tmp_path / "places-00001.npy").write_bytes(b"torn")
        read: list[int] = []
        kept = surveys._read_band
        monkeypatch.setattr(surveys, "_read_band", lambda *a: read.append(a[1][0].top) or kept(*a))
        again = survey(image, MPP, None, 3000, tmp_path, lambda _: None)
    assert read == [FIELD * STEP]
    assert (again.places == first.places).all()
    assert (again.small == first.small).all()


def test_a_tile_is_decoded_once_while_it_is_kept(
    slide: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pixels = slide
    with open_image(path) as image:
        decoded: list[tuple[int, int]] = []
        kept = image.tile
        image.tile = lambda row, column: decoded.append((row, column)) or kept(row, column)  # type: ignore[method-assign]
        cached = CachedTiles(image)
        for block in (block for band in list_bands(image.width, image.height, 1024) for block in band):
            found, left, top = block.read(cached, 48)
            assert (found == pixels[top : top + found.shape[0], left : left + found.shape[1]]).all()
        assert len(decoded) == len(set(decoded)) == 10 * 11
        monkeypatch.setattr("mitofm.data.proposals.blocks._KEPT", 1)
        small = CachedTiles(image)
        Block(0, 0, 600, 600).read(small)
        assert len(small._tiles) == 1
