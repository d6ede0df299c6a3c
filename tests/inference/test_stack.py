"""A stack of crops gives what the cell itself says of them, in the challenge's words; what is no such stack is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from mitofm.evaluation.threshold import call_positives, read_logit

Typed = Callable[..., tuple[str, str]]


def test_a_stack_is_classified_as_the_cell_was_tested(typed: Typed, tried: Path, home: Path, tmp_path: Path) -> None:
    (cell,) = tried.glob("*-lora-*")
    tested = pd.read_parquet(cell / "predictions.parquet")[:16]
    store = next((home / "cache" / "patches").glob("synthetic-64+0px-*"))
    table = pd.read_parquet(store / "table.parquet")
    patches = np.load(store / "patches.npy")[pd.Index(table["sample_id"]).get_indexer(tested["sample_id"])]
    crops = np.pad(patches, [(0, 0), (32, 32), (32, 32), (0, 0)])  # 128 px, as the challenge has them
    tifffile.imwrite(tmp_path / "stack.tiff", crops, photometric="rgb")
    said, _ = typed("classify", "lora", f"stack={tmp_path}/stack.tiff", "trainer.accelerator=cpu", "trainer.threads=1")
    found = pd.DataFrame(json.loads((tmp_path / "multiple-mitotic-figure-classification.json").read_text()))
    assert list(found) == ["class", "confidence"]
    threshold = read_logit(json.loads((cell / "metrics.json").read_text())["threshold"])
    called = call_positives(tested["logit"].to_numpy(), threshold)
    assert (found["class"] == np.where(called, "atypical", "normal")).all()
    assert ((found["confidence"] >= 0.5) == called).all()
    np.testing.assert_allclose(found["confidence"], 1 / (1 + np.exp(threshold - tested["logit"])), atol=1e-5)
    assert f"16 crops of 128 px, {called.sum()} atypical" in said
    assert "normal: what the cell calls look-alike, atypical: what the cell calls mitotic figure" in said


def test_what_is_no_stack_of_crops_is_refused(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(crops: np.ndarray) -> str:
        tifffile.imwrite(tmp_path / "bad.tiff", crops)
        with pytest.raises(SystemExit):
            typed("classify", "lora", f"stack={tmp_path}/bad.tiff")
        assert not (tmp_path / "multiple-mitotic-figure-classification.json").exists()
        return capsys.readouterr().err

    assert "smaller than the 64 px" in refused(np.zeros((3, 32, 32, 3), np.uint8))
    assert "give square RGB crops of 8 bits" in refused(np.zeros((3, 64, 80, 3), np.uint8))
    assert "give square RGB crops of 8 bits" in refused(np.zeros((3, 64, 64, 3), np.uint16))
    (tmp_path / "no.tiff").write_text("no image")
    with pytest.raises(SystemExit):
        typed("classify", "lora", f"stack={tmp_path}/no.tiff")
    assert "cannot be read as one" in capsys.readouterr().err
