from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.data.sources.joined import Joined
from mitofm.data.sources.synthetic import Synthetic
from mitofm.errors import MitofmError


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


def test_one_source_alone_is_not_joined(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match="at least two"):
        Joined(tmp_path, [synthetic(tmp_path, "a", 0)])
