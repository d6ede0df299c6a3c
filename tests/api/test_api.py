"""What notebooks call, on a study trained as users train one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mitofm
from mitofm.api.choices import spell
from mitofm.api.images import check_patches
from mitofm.commands.composing.compose import compose
from mitofm.data.augment import cut_centre
from mitofm.data.dataset import Dataset
from mitofm.ground.errors import MitofmError
from mitofm.runs.resolve import resolve

from ..conftest import TRIED

Typed = Callable[..., tuple[str, str]]
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def test_importing_it_imports_no_torch_and_no_pandas() -> None:
    shown = "import sys, mitofm; dir(mitofm); print(sorted({'torch', 'pandas', 'numpy', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_can_be_had_and_others_not() -> None:
    assert all(callable(getattr(mitofm, name)) for name in mitofm.__all__ if name != "__version__")
    assert set(mitofm.__all__) <= set(dir(mitofm))
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        mitofm.fit  # noqa: B018


@pytest.mark.parametrize("value", ["a b", "it's", "a,b", "[x", "null", "1", "", "a\\'b"])
def test_text_stays_text(value: str) -> None:
    composed = compose("train", spell((), {"+comparisons": {"a": value}}))
    assert resolve(composed)["comparisons"] == {"a": value}


@pytest.mark.parametrize("value", [None, True, 0.25, 3, [1, 2], {"a": 1.5, "b": [True, None]}, Path("/x y")])
def test_values_stay_what_they_are(value: object) -> None:
    composed = compose("train", spell((), {"+comparisons": value}))
    assert resolve(composed)["comparisons"] == (str(value) if isinstance(value, Path) else value)


def test_choices_that_are_none_are_refused() -> None:
    with pytest.raises(MitofmError, match="'nano' is no override"):
        spell(("nano",), {})
    with pytest.raises(MitofmError, match="seed=array"):
        spell((), {"seed": np.arange(2)})


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (IMAGES.astype(np.float32) / 255, r"\(images \* 255\).round\(\).astype\('uint8'\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"images.transpose\(0, 2, 3, 1\)"),
        (IMAGES[0], r"images\[None\]"),
        (IMAGES[..., :1], r"images.repeat\(3, axis=3\)"),
        (np.concatenate([IMAGES, IMAGES[..., :1]], axis=3), r"images\[..., :3\]"),
        (IMAGES[:, :32], "squares"),
        (IMAGES[0, 0, 0], r"uint8 \(3,\)"),
        (IMAGES[:, :32, :32], "patches of 64 px"),
    ],
)
def test_arrays_that_are_no_patches_are_refused_with_the_way_out(images: np.ndarray, said: str) -> None:
    with pytest.raises(MitofmError, match=said):
        check_patches(images, 64)


def test_a_cell_scores_images_as_predict_scores_their_samples(tried: Path, typed: Typed, tmp_path: Path) -> None:
    for place in sorted(tried.iterdir()):
        cell = mitofm.load(place.name)
        patches = Dataset(cell.config["data"], cell.settings.paths.cache).store()
        images = cut_centre(patches.read(np.arange(9)), patches.crop_px)
        scored = cell.predict(images)
        typed(
            "predict",
            place.name,
            "data=synthetic",
            *TRIED[3:6],
            "trainer.accelerator=cpu",
            f"output={tmp_path / 'scores.parquet'}",
        )
        expected = pd.read_parquet(tmp_path / "scores.parquet").set_index("sample_id")
        expected = expected.loc[patches.table["sample_id"][:9]].reset_index(drop=True)
        for column in ("logit", "probability", "predicted"):
            np.testing.assert_allclose(scored[column], expected[column], atol=1e-5)
        of_study = mitofm.study("tried").metrics.set_index(["cell", "set"]).loc[place.name]
        assert dict(cell.metrics["auroc"]) == dict(of_study["auroc"])
        assert set(cell.split["sample_id"]) == set(patches.table["sample_id"])


def test_a_study_as_tables(tried: Path, typed: Typed) -> None:
    study = mitofm.study("tried")
    assert list(study.entries["state"]) == ["DONE"] * 3
    assert set(study.results["adaptation"]) == {"linear_probe", "lora", "prompt"}
    assert len(study.predictions) == sum(len(mitofm.load(cell).predictions) for cell in study.entries["cell"])
    told = study.differences
    assert list(told["table"]) == ["adaptations"] * 3
    with pytest.raises(MitofmError, match="tred"):
        mitofm.study("tred").entries  # noqa: B018


def test_training_in_python_is_typing_it(tried: Path, typed: Typed) -> None:
    cells = sorted(tried.iterdir())
    cell = mitofm.train(*TRIED[1:], adaptation="lora")
    assert cell.folder in cells  # found finished, by the same id
    assert mitofm.load("lora").folder == cell.folder


def test_embeddings_of_images_are_those_of_their_samples(tried: Path, typed: Typed) -> None:
    of_data = mitofm.embed("toy_vit_p16", "synthetic", *TRIED[3:6], trainer__accelerator="cpu", trainer__threads=1)
    cell = mitofm.load("linear_probe")
    patches = Dataset(cell.config["data"], cell.settings.paths.cache).store()
    images = cut_centre(patches.read(np.arange(6)), patches.crop_px)
    of_images = mitofm.embed("toy_vit_p16", images, trainer__accelerator="cpu", trainer__threads=1)
    assert list(of_data.index[:6]) == list(patches.table["sample_id"][:6])
    np.testing.assert_allclose(of_images, of_data.to_numpy()[:6], atol=1e-5)
