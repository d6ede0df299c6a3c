"""The kept curated table: made once, read without opening an image, made anew if an annotation or an image changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mitofm.data import tables
from mitofm.data.annotations import fingerprint
from mitofm.data.curation import Rules
from mitofm.data.tables import Tables
from mitofm.ground.errors import MitofmError

from .test_patches import Regions


@pytest.fixture
def kept(tmp_path: Path) -> Tables:
    source = Regions(tmp_path)
    (tmp_path / "cells.csv").write_text("1")
    rules = Rules("clip", "drop", None, 16, None)
    return Tables(tmp_path / "cache", "r", source, {"a": 1}, [tmp_path / "cells.csv"], rules, None)


def test_a_kept_table_is_read_without_a_look_at_any_image(kept: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept.read()
    assert kept.fingerprint() == fingerprint(first.table) == fingerprint(kept.source.table())
    monkeypatch.setattr(tables, "survey", None)
    monkeypatch.setattr(tables, "curate", None)
    pd.testing.assert_frame_equal(kept.read().table, first.table)
    assert kept.fingerprint(votes=True) == kept.fingerprint()


def test_votes_have_a_fingerprint_of_their_own(kept: Tables) -> None:
    before = kept.fingerprint(), kept.fingerprint(votes=True)
    kept.source._table = kept.source._table.assign(votes_positive=1, votes=3)  # type: ignore[attr-defined]
    voted = replace(kept, source_config={"a": 2})
    assert voted.fingerprint() == before[0]
    assert voted.fingerprint(votes=True) != before[1]


@pytest.mark.parametrize("change", ["image", "annotations", "rules", "source"])
def test_it_is_made_anew_if_what_it_was_made_from_has_changed(kept: Tables, tmp_path: Path, change: str) -> None:
    kept.read()
    kept.source._table = kept.source._table.iloc[:20]  # type: ignore[attr-defined]
    assert len(kept.read().table) == 30
    if change == "image":
        (tmp_path / "0.png").write_bytes((tmp_path / "1.png").read_bytes())
    if change == "annotations":
        (tmp_path / "cells.csv").write_text("12")
    changes = {"rules": {"rules": Rules("drop", "drop", None, 16, None)}, "source": {"source_config": {"a": 2}}}
    assert len(replace(kept, **changes.get(change, {})).read().table) == 20


@pytest.mark.parametrize("file", ["facts.json", "table.parquet", "remarks.parquet"])
def test_a_damaged_one_is_made_anew(kept: Tables, file: str) -> None:
    whole = kept.read().table
    (damaged,) = kept.folder.glob(f"r-*/{file}")
    damaged.write_bytes(damaged.read_bytes()[:-20])
    pd.testing.assert_frame_equal(kept.read().table, whole)


def test_one_that_says_something_else_is_made_anew(kept: Tables) -> None:
    whole = kept.read().table
    (file,) = kept.folder.glob("r-*/table.parquet")
    whole.assign(label=1 - whole["label"]).to_parquet(file, index=False)
    pd.testing.assert_frame_equal(kept.read().table, whole)


def test_a_missing_image_is_named_and_nothing_is_kept(kept: Tables, tmp_path: Path) -> None:
    (tmp_path / "2.png").unlink()
    with pytest.raises(MitofmError, match=r"1 of 5 image files are missing .*: 2\.png"):
        kept.read()
    assert not list(kept.folder.glob("*/facts.json"))


def test_the_folder_of_many_images_is_looked_for_once(kept: Tables) -> None:
    class Sought(Regions):
        """As sources of crops do, it finds its root on the disk: that must not be done for every image."""

        times = 0

        @property
        def root(self) -> Path:
            self.times += 1
            return self.__dict__["root"]

        @root.setter
        def root(self, root: Path) -> None:
            self.__dict__["root"] = root

    kept.read()
    source = Sought(kept.source.root)
    assert replace(kept, source=source).fingerprint() == kept.fingerprint()
    assert source.times == 1


def test_several_who_meet_a_damaged_one_all_get_the_table(kept: Tables, tmp_path: Path) -> None:
    whole = kept.read().table
    for _ in range(5):
        next((tmp_path / "cache").glob("r-*/table.parquet")).write_bytes(b"x")
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: (kept.read().table, kept.fingerprint()), range(8)):
                pd.testing.assert_frame_equal(found[0], whole)
                assert found[1] == fingerprint(whole)


def test_an_image_that_is_gone_has_not_changed(kept: Tables, tmp_path: Path) -> None:
    """So that a cell which is done is known to be, wherever its images are by now."""
    before = kept.fingerprint()
    (tmp_path / "2.png").rename(tmp_path / "elsewhere.png")
    assert kept.fingerprint() == before
    (tmp_path / "3.png").write_bytes((tmp_path / "1.png").read_bytes())
    with pytest.raises(MitofmError, match="1 of 5 image files are missing"):
        kept.fingerprint()
