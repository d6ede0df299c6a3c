from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data.annotations import validate
from mitofm.data.card import Card
from mitofm.data.checks import check
from mitofm.data.survey import survey

CARD = Card(
    name="s", title="S", positive="mitotic figure", negative="hard negative", mpp=0.25, image_mpp=0.25, crop_px=32,
    margin_px=0, licence="", citation="", url="", counts=None, origin=(), download_gb=None,
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        Image.fromarray(np.full((100, 120, 3), 200, np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def samples(**columns: object) -> pd.DataFrame:
    sound = {
        "sample_id": list("123456"),
        "dataset": "s",
        "image": ["a.png", "a.png", "b.png", "b.png", "c.png", "c.png"],
        "x": [10, 60, 10, 60, 10, 60],
        "y": [10, 60, 10, 60, 10, 60],
        "label": [0, 1, 0, 1, 0, 1],
        "slide": ["a", "a", "b", "b", "c", "c"],
        "domain": ["lung", "lung", "skin", "skin", "skin", "skin"],
    }
    return validate(pd.DataFrame(sound | columns), "samples")


def found(root: Path, card: Card = CARD, **columns: object) -> dict[str, tuple[int, bool]]:
    table = samples(**columns)
    findings = check(card, root, table, survey(root, table, card.image_mpp), distance_um=5)
    return {one.what: (one.count, one.fatal) for one in findings}


def test_nothing_is_found_where_nothing_is_wrong(root: Path) -> None:
    assert found(root) == {}


@pytest.mark.parametrize(
    ("columns", "what", "count"),
    [
        ({"x": [10, 10, 10, 60, 10, 60], "y": [10, 10, 10, 60, 10, 60], "label": [0, 0, 0, 1, 0, 1]}, "the same sample twice", 1),
        ({"x": [10, 28, 10, 60, 10, 60], "y": [10, 10, 10, 60, 10, 60]}, "samples of opposite label within 5 micrometres", 1),
        ({"slide": ["a", "a", "a", "a", "c", "c"]}, "slides in two domains", 1),
        ({"patient": ["p", "q", "p", "p", "r", "r"]}, "slides of two patients, whose slides are one unit then", 1),
        ({"slide": ["a", "x", "b", "b", "c", "c"]}, "images in two slides", 1),
        ({"image": [f"{name}.png" for name in "abcabc"], "slide": list("123456")},
         "samples whose slide is not known: each is a unit of its own", 6),
        ({"label": [0, 0, 0, 1, 0, 1]}, "domains with samples of one class only", 1),
    ],
)  # fmt: skip
def test_what_is_suspicious_is_a_finding(root: Path, columns: dict[str, object], what: str, count: int) -> None:
    assert found(root, **columns)[what] == (count, False)


def test_cells_of_opposite_label_just_far_enough_apart_are_none(root: Path) -> None:
    assert found(root, x=[10, 31, 10, 60, 10, 60], y=[10, 10, 10, 60, 10, 60]) == {}


def test_what_makes_a_store_impossible_is_fatal(root: Path) -> None:
    whole = (root / "b.png").read_bytes()
    (root / "b.png").write_bytes(b"")
    (root / "a.png").unlink()
    assert found(root)["images that cannot be read"] == (2, True)
    (root / "b.png").write_bytes(whole)
    (root / "a.png").write_bytes(whole)
    unknown = Card(**{**vars(CARD), "image_mpp": None})
    assert found(root, unknown)["images of unknown resolution"] == (3, True)
    assert found(root, Card(**{**vars(unknown), "mpp": None})) == {}


def test_counts_are_compared_with_the_cards(root: Path) -> None:
    lung = {"images": 1, "positive": 1, "negative": 1}
    skin = {"images": 2, "positive": 2, "negative": 2}
    assert found(root, Card(**{**vars(CARD), "counts": {"lung": lung, "skin": skin}})) == {}
    wrong = Card(**{**vars(CARD), "counts": {"lung": lung | {"positive": 2}, "skin": skin}})
    assert found(root, wrong) == {"not as on the card": (1, False)}


@pytest.mark.parametrize(("per_px", "told"), [(1.0, False), (0.5, True), (0.25, True)])
def test_positions_in_micrometres_that_are_taken_for_pixels_are_told(root: Path, per_px: float, told: bool) -> None:
    rng = np.random.default_rng(0)
    n = 30
    columns = {"sample_id": [f"{i:02d}" for i in range(n)], "dataset": "s", "image": [f"{name}.png" for name in "abc"] * 10,
               "x": rng.uniform(0, 120, n) * per_px, "y": rng.uniform(0, 100, n) * per_px, "label": [0] * n,
               "slide": ["a", "b", "c"] * 10, "domain": "lung"}  # fmt: skip
    table = validate(pd.DataFrame(columns), "samples")
    findings = check(CARD, root, table, survey(root, table, 0.25), 5)
    assert any("upper left corner" in one.what and "unit=um" in one.first for one in findings) == told
