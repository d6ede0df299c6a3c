from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import expit, logit

from mitofm.data.dataset import Dataset
from mitofm.reporting.crops import read_crops
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import mistakes
from mitofm.reporting.report import make_report

if TYPE_CHECKING:
    from conftest import Study


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Synthetic tissue with its patch store."""
    from mitofm.commands.composing.compose import compose
    from mitofm.runs.resolve import resolve

    root = tmp_path_factory.mktemp("tissue")
    source = ("domains=[canine lymphoma,human melanoma]", "slides_per_domain=6", "cells_per_slide=8")
    config = resolve(compose("train", [*(f"data.source.{one}" for one in source), f"paths.data={root}"]))
    dataset = Dataset(config["data"], root / "cache")
    dataset.config = config["data"]
    dataset.store()
    return dataset


def test_crops_are_those_of_the_store_and_without_a_store_those_of_the_images(tissue: Any, tmp_path: Path) -> None:
    store = tissue.store()
    asked = store.table.iloc[[40, 3, 17]]
    found, why = read_crops(tissue.config, asked, tissue.cache)
    assert why == ""
    assert list(found) == asked["sample_id"].tolist()
    for sample, patch in zip(found, store.read([40, 3, 17]), strict=True):
        np.testing.assert_array_equal(found[sample], patch)
    cut, why = read_crops(tissue.config, asked, tmp_path)
    assert why == ""
    for sample in found:
        np.testing.assert_array_equal(found[sample], cut[sample])
    assert not (tmp_path / "patches").exists()


def test_other_cells_have_no_crops_and_nothing_is_made(tissue: Any, tmp_path: Path) -> None:
    asked = tissue.store().table.iloc[[0, 1]]
    for wrong in (asked.assign(sample_id=["a", "b"]), asked.assign(label=1 - asked["label"])):
        found, why = read_crops(tissue.config, wrong, tissue.cache)
        assert found == {}
        assert "neither a patch store nor the images of synthetic with these samples" in why
    elsewhere = tissue.config | {"source": tissue.config["source"] | {"root": str(tmp_path / "data")}}
    assert read_crops(elsewhere, asked, tmp_path)[0] == {}
    assert not (tmp_path / "data").exists()


def of_tissue(study: Study, tissue: Any, **labels: Any) -> None:
    """A cell that was tested on the tissue's cells."""
    folder = study.add(dataset="synthetic", **labels)
    table = tissue.store().table[["sample_id", "slide", "domain", "label"]]
    logits = np.random.default_rng(labels["seed"]).normal(0, 2, len(table))
    table.assign(logit=logits, evaluation_set="").to_parquet(folder / "predictions.parquet", index=False)
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": tissue.config}))


def test_the_worst_are_those_farthest_beyond_the_threshold_of_the_mean_over_seeds(
    study: Study, measure: Callable[[Study], Measured], tissue: Any
) -> None:
    for seed in (1, 2):
        of_tissue(study, tissue, seed=seed)
    measured = measure(study)
    collected = measured.stored.collected
    (found,) = mistakes.find_mistakes(measured.stored, measured.results)
    seeds = [collected.predictions(cell).set_index("sample_id") for cell in collected.done["cell"]]
    mean = (seeds[0]["logit"] + seeds[1]["logit"]) / 2
    for label in (0, 1):
        wrong = (mean - logit(0.4))[seeds[0]["label"] == label] * (1 - 2 * label)
        expected = wrong[wrong > 0].nlargest(mistakes.EACH)
        shown = found.samples[found.samples["label"] == label]
        assert shown["sample_id"].tolist() == expected.index.tolist()
        assert shown["probability"].tolist() == pytest.approx(expit(mean[expected.index]))
        assert set(shown["times"]) == {2}


def test_the_page_shows_the_crops_where_they_are(study: Study, tissue: Any, tmp_path: Path) -> None:
    of_tissue(study, tissue, seed=1)
    page = make_report(study.runs, study.name, tmp_path / "out", tissue.cache).read_text()
    assert [path.name for path in (tmp_path / "out").rglob("mistakes-*.svg")] == ["mistakes-uni-lora.svg"]
    assert "Taken for the other class" in page
    table = pd.read_csv(tmp_path / "out" / "tables" / "synthetic" / "mistakes.csv")
    assert set(table["cell"]) <= set(tissue.store().table["sample_id"])


def test_where_crops_are_not_or_may_not_be_shown_the_report_says_why(
    study: Study,
    measure: Callable[[Study], Measured],
    tissue: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_tissue(study, tissue, seed=1)
    measured = measure(study)
    stored = measured.stored
    found = mistakes.find_mistakes(stored, measured.results)
    monkeypatch.setattr(Dataset, "present", lambda self: False)
    drawn, why = mistakes.draw_galleries(stored, found, ("no", "yes"), tmp_path / "no cache", tmp_path)
    assert drawn == []
    assert "The crops are not shown: neither a patch store nor the images of synthetic" in why
    (unshown,) = mistakes.find(measured).sections
    assert (unshown.figures, unshown.text) == ([], "The crops are not shown: crops=false.")
    assert len(unshown.table.full) > 0


def test_cells_without_a_config_are_listed_without_crops(study: Study, report: Callable[[Study], Path]) -> None:
    study.add()
    out = report(study)
    assert len(pd.read_csv(out / "tables" / "midog" / "mistakes.csv")) > 0
    assert "The crops are not shown" in (out / "report.html").read_text()
