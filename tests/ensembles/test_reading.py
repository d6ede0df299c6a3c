"""An ensemble scores new data as its test samples were scored; what cannot is refused before a network is built."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.ensembles.combining import combine
from mitofm.ensembles.members import Member, find_members
from mitofm.ensembles.reading import gather
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_json
from mitofm.inference.model import Model
from mitofm.inference.trained import Checkpoint

from .test_combining import member

PATCHES = {"dataset": "d", "crop_px": 64, "centre_px": 64, "mpp": 0.25}


def checkpoint(name: str, **patches: Any) -> Checkpoint:
    """What `gather` reads of one."""
    facts = {"patches": PATCHES | patches, "labels": {"0": "n", "1": "p"}, "tensors_sha256": name}
    return cast("Checkpoint", SimpleNamespace(name=name, facts=facts))


def written(folder: Path, members: Sequence[Member], calibrate: bool, weighted: bool) -> pd.DataFrame:
    """The files of an ensemble that say what its members add; its predictions."""
    combined = combine(members, calibrate, weighted)
    write_json(folder / "metrics.json", combined.metrics)
    write_json(folder / "cell.json", {"id": "e"})
    return combined.predictions


@settings(max_examples=10)
@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=4), st.booleans(), st.booleans())
def test_the_sum_of_what_members_add_is_what_is_stored(scales: list[float], calibrate: bool, weighted: bool) -> None:
    members = [member(seed, scale, offset=scale - 1) for seed, scale in enumerate(scales)]
    with TemporaryDirectory() as folder:
        stored = written(Path(folder), members, calibrate, weighted)
        model = gather(Path(folder), [checkpoint(one.folder.name) for one in members])
    np.testing.assert_allclose(model.add([one.predictions["logit"].to_numpy() for one in members]), stored["logit"])


def test_one_checkpoint_alone_adds_its_logits_bit_for_bit() -> None:
    logits = np.random.default_rng(0).normal(0, 5, 100)
    assert (Model("one", {}, (checkpoint("a"),)).add([logits]) == logits).all()


def test_what_cannot_score_is_refused(tmp_path: Path) -> None:
    members = [member(0), member(1)]
    written(tmp_path, members, True, False)
    with pytest.raises(
        MitofmError, match=r"other patches \(crop_px, centre_px, mpp: .*64.*96.*average as metrics.json"
    ):
        gather(tmp_path, [checkpoint("cell0"), checkpoint("cell1", crop_px=96)])
    with pytest.raises(MitofmError, match="does not say what each member adds"):
        gather(tmp_path, [checkpoint("cell0"), checkpoint("other")])
    ensemble = tmp_path / "cells" / "ensemble"
    ensemble.mkdir(parents=True)
    (tmp_path / "cells" / "a").mkdir()
    (ensemble / "config.yaml").write_text(yaml.safe_dump({"members": ["a", "b"]}))
    with pytest.raises(MitofmError, match=r"made of cells that are not in .*cells: b\. Copy them there"):
        find_members(ensemble)


def test_what_any_member_was_trained_on_was_learned_from(tmp_path: Path) -> None:
    members = []
    for place, parts in enumerate((["train", "test"], ["test", "train"])):
        folder = tmp_path / f"cell{place}"
        folder.mkdir()
        split = {"sample_id": ["a", "b"], "slide": ["a", "b"], "domain": "d", "label": [0, 1], "part": parts}
        pd.DataFrame(split).to_parquet(folder / "split.parquet")
        members.append(SimpleNamespace(folder=folder / "checkpoint"))
    model = Model("e", {}, cast("Any", tuple(members)), (0.5, 0.5))
    found = model.read_split(["part"])
    assert found is not None
    assert set(found.loc[found["part"] == "train", "slide"]) == {"a", "b"}
    (tmp_path / "cell1" / "split.parquet").unlink()
    assert model.read_split(["part"]) is None
