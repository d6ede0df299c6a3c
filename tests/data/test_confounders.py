"""Each confounder on a small data set: what it changes, and that nothing that is tested changes with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from mitofm.data.confounders.any_positive import AnyPositive
from mitofm.data.confounders.background import Background
from mitofm.data.confounders.field_of_view import FieldOfView
from mitofm.data.patches import PatchStore, ensure
from mitofm.data.positions import BackgroundPositions
from mitofm.data.splits.part import Split
from mitofm.ground.errors import Infeasible
from mitofm.ground.fingerprints import Remembered

from .test_patches import Regions

PARTS = ["train", "train", "train", "test", "unused", "validation"]


class Small:
    """A data set of 30 samples in five images of 60 x 50 px."""

    card = SimpleNamespace(crop_px=8, mpp=None, image_mpp=None)

    def __init__(self, folder: Path) -> None:
        self.source, self.root, self.cache = Regions(folder), folder, folder / "cache"

    def table(self) -> pd.DataFrame:
        return self.source.table()

    def store(self, source: Any = None, name: str = "samples") -> PatchStore:
        sizes: dict[str, int] = {"crop_px": 8, "margin_px": 2}
        return ensure(source or self.source, name=name, cache=self.cache, remembered=Remembered(self.cache), **sizes)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Small(tmp_path_factory.mktemp("small"))


def split_of(table: pd.DataFrame) -> Split:
    part = np.resize(PARTS, len(table))
    frame = table[["sample_id", "slide", "domain", "label"]].assign(part=part, evaluation_set="")
    frame.loc[part == "test", "evaluation_set"] = "in_domain"
    order = frame.groupby("part").cumcount().where(frame["part"].isin(["train", "validation"]), -1)
    return Split(frame.assign(order=order), "made_up")


def held_out(split: Split) -> pd.DataFrame:
    return split.frame.iloc[split.rows("test")]


def test_any_positive_relabels_bought_neighbours_only(small: Any) -> None:
    store = small.store()
    table = store.table.assign(image="one.png", x=100.0 * np.arange(30), y=0.0, label=0)
    # Beside each other: 0 and 1 (both train), 6 (train) and 9 (test), 12 (train) and 16 (unused), 5 and 11 (validation).
    for place, x, label in ((0, 10, 1), (1, 14, 0), (9, 610, 1), (6, 612, 0), (16, 1210, 1), (12, 1212, 0), (5, 510, 1),
                            (11, 514.5, 0), (2, 15, 0)):  # fmt: skip
        table.loc[place, ["x", "label"]] = x, label
    split = split_of(table)
    changed, seen = AnyPositive().apply(split, replace(store, table=table), small)
    assert changed.rows("train").tolist()[:3] == [0, 1, 2]
    differing = np.flatnonzero(changed.frame["label"] != split.frame["label"])
    assert differing.tolist() == [1]  # 2 is 5 px away and half a crop is 4; 11 is 4.5 px away
    pd.testing.assert_frame_equal(held_out(changed), held_out(split))
    assert seen.table["label"].tolist() == changed.frame["label"].tolist()


@pytest.mark.parametrize(
    ("mpp", "file_mpp", "reached"),
    [(0.5, 0.25, [1, 2]), (0.5, None, [1]), (0.5, 0.5, [1]), (None, 0.25, [1])],
)
def test_any_positive_reaches_as_far_as_a_crop_of_the_files_own_resolution(
    tmp_path: Path, mpp: float | None, file_mpp: float | None, reached: list[int]
) -> None:
    more = {} if file_mpp is None else {"resolution": (1e4 / file_mpp, 1e4 / file_mpp), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((64, 64, 3), np.uint8), **more)
    table = pd.DataFrame({"sample_id": list("abcd"), "slide": "s", "domain": "one", "image": "one.tif",
                          "x": [10, 13, 17, 50], "y": 10, "label": [1, 0, 0, 0]})  # fmt: skip
    split = Split(table[["label"]].assign(part="train", order=range(4)), "made_up")
    dataset = SimpleNamespace(source=SimpleNamespace(root=tmp_path),
                              card=SimpleNamespace(crop_px=8, mpp=mpp, image_mpp=0.5))  # fmt: skip
    store = PatchStore(tmp_path, "key", table, np.empty(0), crop_px=8, margin_px=0)
    changed, _ = AnyPositive().apply(split, store, dataset)  # type: ignore[arg-type]
    assert np.flatnonzero(changed.frame["label"] != table["label"]).tolist() == reached


def test_background_fills_in_for_slides_without_a_bought_negative(small: Any) -> None:
    store = small.store()
    frame = split_of(store.table).frame.assign(label=1)
    frame.loc[frame["slide"] == "s1", "label"] = 0
    split = Split(frame, "made_up")
    changed, joined = Background(per_image=3, distance_px=4, seed=0).apply(split, store, small)
    added = changed.frame.iloc[30:]
    assert len(joined.table) == len(changed.frame) == 30 + 15
    bought = frame[(frame["part"] == "train") & (frame["label"] == 1)].groupby("slide").size().clip(upper=3)
    assert added[added["part"] == "train"].groupby("slide").size().to_dict() == bought.to_dict()
    assert (added["label"] == 0).all()
    rows = changed.rows("train")
    assert len(rows) == len(split.rows("train")) + bought.sum()
    assert changed.frame["order"].iloc[rows].tolist() == list(range(len(rows)))
    pd.testing.assert_frame_equal(held_out(changed), held_out(split))

    patches = joined.read(np.array([44, 3, 30, 29]))
    np.testing.assert_array_equal(patches[[1, 3]], store.read(np.array([3, 29])))
    np.testing.assert_array_equal(
        patches[[2, 0]], small.store(BackgroundPositions(small, 3, 4), "background").read(np.array([0, 14]))
    )
    assert joined.key != store.key
    rebuild, given = joined.__reduce__()[:2]  # as the process of another device gets it
    np.testing.assert_array_equal(rebuild(*given).read(rows), joined.read(rows))


def test_crops_that_are_already_cut_have_no_background(small: Any) -> None:
    store = small.store()
    cut = Small(small.root)
    cut.source._table = cut.source._table.assign(crop=cut.source._table["image"])
    with pytest.raises(Infeasible, match="crops that are already cut"):
        Background(per_image=3, distance_px=4, seed=0).apply(split_of(store.table), store, cut)


def test_a_narrower_field_of_view_cuts_less_out_and_has_a_key_of_its_own(small: Any) -> None:
    store, split = small.store(), split_of(small.store().table)
    same, seen = FieldOfView("resnet50", {"resnet50": 0.75}).apply(split, store, small)
    assert same is split
    assert (seen.crop_px, seen.key != store.key) == (6, True)
    np.testing.assert_array_equal(seen.patches, store.patches)
    with pytest.raises(Infeasible, match=r"backbone 'uni' shows the whole crop"):
        FieldOfView("uni", {"resnet50": 0.75}).apply(split, store, small)
