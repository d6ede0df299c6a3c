from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mitofm.data.annotations import validate
from mitofm.data.sources.joined import Joined
from mitofm.data.sources.synthetic import Synthetic
from mitofm.ground.errors import MitofmError


def synthetic(root: Path, name: str, seed: int) -> Synthetic:
    return Synthetic(root, name, ["canine lymphoma"], slides_per_domain=1, cells_per_slide=4, seed=seed)


def test_the_cells_of_all_sources_are_one_table_with_their_files_and_their_names_apart(tmp_path: Path) -> None:
    sources = [synthetic(tmp_path / "renderings", f"set{seed}", seed) for seed in (0, 1)]
    joined = Joined(tmp_path, sources)
    joined.prepare()
    table = joined.table()
    assert len(table) == sum(len(source.table()) for source in sources)
    assert table.groupby("dataset")["slide"].unique().map(list).to_dict() == {
        "set0": ["0/canine_lymphoma_00"],
        "set1": ["1/canine_lymphoma_00"],
    }
    assert all((tmp_path / image).is_file() for image in table["image"])
    assert table["image"].nunique() == 2
    assert len(joined.files()) == 2


class Made:
    """A source that gives a table as it is."""

    def __init__(self, root: Path, name: str, **columns: object) -> None:
        self.root = root
        table = {"sample_id": ["1", "2"], "dataset": name, "image": ["a", "b"], "x": 1, "y": 2, "label": [0, 1],
                 "slide": ["a", "b"], "domain": "breast"}  # fmt: skip
        self._table = validate(pd.DataFrame(table | columns), name)

    def prepare(self) -> None: ...

    def files(self) -> list[Path]:
        return []

    def table(self) -> pd.DataFrame:
        return self._table


def test_slides_of_one_name_in_a_collection_are_one_slide(tmp_path: Path) -> None:
    """As AMi-Br (`MIDOG21_002.tiff`) and the atypical set of MIDOG 2025 (`2.tiff`) call them."""
    one = Made(tmp_path, "one", slide=["MIDOG21_002.tiff", "TUPAC16_02.tif"], patient=["p", "q"])
    other = Made(tmp_path, "other", slide=["2.tiff", "7.tiff"], mpp=0.25)
    slides = {"one": r"MIDOG21_0*(\d+)", "other": r"^0*(\d+)"}
    table = Joined(tmp_path, [one, other], slides).table()
    assert table.sort_values("sample_id")["slide"].tolist() == ["shared/2", "0/TUPAC16_02.tif", "shared/2", "shared/7"]
    assert table["mpp"].isna().tolist() == [True, True, False, False]  # what only some know stays known
    assert "patient" not in table


def test_what_cannot_be_joined_is_refused(tmp_path: Path) -> None:
    one, other = Made(tmp_path, "one"), Made(tmp_path, "other", crop=["a.png", "b.png"])
    with pytest.raises(MitofmError, match="already cut and others whole images"):
        Joined(tmp_path, [one, other]).table()
    with pytest.raises(MitofmError, match=r"unknown data set 'on' in data\.source\.slides\. Did you mean 'one'"):
        Joined(tmp_path, [one, Made(tmp_path, "two")], {"on": "(.)"}).table()
    with pytest.raises(MitofmError, match=r"source\.slides\.one='\.': one group"):
        Joined(tmp_path, [one, other], {"one": "."})
    with pytest.raises(MitofmError, match=r"source\.slides\.one='\(' is no regular expression"):
        Joined(tmp_path, [one, other], {"one": "("})


def test_one_source_alone_is_not_joined(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match="at least two"):
        Joined(tmp_path, [synthetic(tmp_path, "a", 0)])
