from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.ground.errors import MitofmError
from mitofm.reporting.measured.configurations import group_cells
from mitofm.runs import sums
from mitofm.runs.books import studies
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def test_seeds_and_folds_are_repetitions_and_the_rest_is_the_configuration(study: Study) -> None:
    study.grid(adaptation=["lora", "full"], seed=[0, 42], train_domain=["fold 0", "fold 1"], domains=[("breast",)])
    found = group_cells(collect(study.runs, study.name))
    assert [group.configuration.adaptation for group in found] == ["full", "lora"]
    assert list(found[0].done) == ["0 fold 0", "0 fold 1", "42 fold 0", "42 fold 1"]
    assert found[0].configuration.where == ""


@pytest.mark.parametrize(
    ("described", "where"), [("all", ""), ("lung", "trained on lung"), ("all but lung", "trained on all but lung")]
)
def test_the_training_side_in_words(study: Study, described: str, where: str) -> None:
    study.add(train_domain=described)
    (group,) = group_cells(collect(study.runs))
    assert group.configuration.where == where


def test_what_varies_beside_the_named_axes_is_the_setting(study: Study) -> None:
    study.grid(split=["in_domain", "annotation"])
    assert {group.configuration.setting for group in group_cells(collect(study.runs))} == {
        "split in_domain",
        "split annotation",
    }


def test_random_weights_are_part_of_the_name(study: Study) -> None:
    study.grid(weights=["pretrained", "random"])
    assert [group.configuration.model for group in group_cells(collect(study.runs))] == ["uni", "uni (random weights)"]


def test_an_unfinished_seed_is_planned_but_not_done(study: Study) -> None:
    study.add(seed=42)
    labels = study.labels | {"seed": 43}
    folder = study.folder(labels)
    folder.mkdir(parents=True)
    study.write(folder, "cell.json", {"labels": labels})
    (group,) = group_cells(collect(study.runs, study.name))
    assert (len(group.done), group.planned) == (1, 2)


def test_a_sweep_over_a_setting_that_no_label_holds_is_told_apart_by_its_config(study: Study) -> None:
    for rank in (4, 16):
        # A label the report does not know gives the two cells different folders.
        folder = study.add(rank=rank)
        (folder / "config.yaml").write_text(f"adaptation: {{rank: {rank}}}\ndata: {{root: /somewhere/{rank}}}\n")
    found = group_cells(collect(study.runs, study.name))
    assert [group.configuration.adaptation for group in found] == ["lora (rank 16)", "lora (rank 4)"]


def test_two_spellings_of_a_number_are_one_configuration_but_a_pixel_is_no_share(study: Study) -> None:
    for seed, decay, side in ((41, "0", "[1]"), (42, "0.0", "[1]"), (43, "0.1", "[1]"), (44, "0.1", "[1.0]")):
        folder = study.add(seed=seed)
        (folder / "config.yaml").write_text(f"adaptation: {{weight_decay: {decay}}}\naugment: {{side: {side}}}\n")
    found = {
        (group.configuration.adaptation, group.configuration.setting): sorted(group.done)
        for group in group_cells(collect(study.runs, study.name))
    }
    assert found == {
        ("lora (weight_decay 0)", "augment.side [1]"): ["41", "42"],
        ("lora (weight_decay 0.1)", "augment.side [1]"): ["43"],
        ("lora (weight_decay 0.1)", "augment.side [1.0]"): ["44"],
    }


def test_cells_that_nothing_tells_apart_are_refused(study: Study) -> None:
    for number in (1, 2):
        (study.add(number=number) / "config.yaml").write_text("fraction: 1.0\n")
    with pytest.raises(MitofmError, match=r"uni-lora.* and uni-lora.*study of its own"):
        group_cells(collect(study.runs, study.name))


@pytest.mark.parametrize("keep", [False, True])
def test_seeds_of_annotations_that_changed_between_them_are_not_pooled(
    study: Study, tmp_path: Path, keep: bool
) -> None:
    for seed, state in ((1, None), (2, "a"), (3, "a"), (4, "b")):  # a cell of before does not state its annotations
        folder = study.add(seed=seed)
        study.write(folder, "environment.json", {"device": "cpu"} | ({"annotations": state} if state else {}))
        if keep:
            (folder / "DONE").write_text(sums.take(folder))
    cache = tmp_path / "cache" if keep else None
    with pytest.raises(MitofmError, match=r"the annotations changed between them.*study=NAME"):
        group_cells(collect(study.runs, study.name, cache))
    (study.runs / "studies" / study.name / "cells.csv").write_text("\n".join(["cell", *study.cells[:3]]))
    (found,) = group_cells(collect(study.runs, study.name, cache))
    assert list(found.done) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("fraction", "unit", "share", "amount"),
    [
        (0.001, None, "0.1 %", "0.1 % of the labels"),
        (1, "annotation", "100 %", "100 % of the labels"),
        (1, "slide", "1 slide", "the labels of 1 slide"),
        (4, None, "4 slides", "the labels of 4 slides"),
    ],
)
def test_fractions_in_words(study: Study, fraction: float, unit: str | None, share: str, amount: str) -> None:
    study.add(fraction=fraction, fraction_unit=unit)
    (group,) = group_cells(collect(study.runs))
    assert (group.configuration.share, group.configuration.amount) == (share, amount)


def test_seeds_that_were_run_otherwise_are_not_pooled(study: Study) -> None:
    for seed, pixels in ((42, 96), (43, 224), (44, 224)):
        folder = study.add(seed=seed)
        (folder / "config.yaml").write_text(f"backbone: {{img_size: {pixels}}}\n")
    older = study.add(seed=45)  # has no such key: an older mitofm made it
    (older / "config.yaml").write_text("backbone: {name: uni}\n")
    found = group_cells(collect(study.runs, study.name))
    by_model = {group.configuration.model: sorted(group.done) for group in found}
    assert by_model["uni (img_size 96)"] == ["42"]
    assert by_model["uni (img_size 224)"] == ["43", "44"]


def test_a_cell_without_labels_leaves_the_names_of_seeds(study: Study) -> None:
    study.add(seed=42)
    never = study.folder(study.labels | {"seed": 43})
    never.mkdir(parents=True)
    (never / "SKIPPED").write_text("no slide to test on")
    (group,) = group_cells(collect(study.runs, study.name))
    assert list(group.done) == ["42"]


def test_seeds_of_split_and_of_training_are_repetitions_too(study: Study) -> None:
    study.add(seed=42)
    study.add(seed=42, training_seed=7)
    study.add(seed=42, training_seed=42, split_seed=3)
    (found,) = group_cells(collect(study.runs))
    assert list(found.done) == ["3/42", "42", "42/7"]


def test_cells_of_another_protocol_version_are_apart_and_named(study: Study, report: Callable[[Study], Path]) -> None:
    # These state no version, and have thresholds as cells of version 3 have.
    study.grid(adaptation=["lora", "full"], seed=[42, 43], slides=[8])
    before = [group.configuration for group in group_cells(collect(study.runs, study.name))]
    assert [one.setting for one in before] == ["", ""]
    study.grid(adaptation=["lora"], seed=[43, 44], slides=[8], protocol_version=[4])
    unfinished = study.folder(study.labels | {"seed": 45})
    unfinished.mkdir(parents=True)
    study.write(unfinished, "cell.json", {"labels": study.labels | {"seed": 45}})
    found = {
        (one.configuration.setting, one.configuration.adaptation): (list(one.done), one.planned)
        for one in group_cells(collect(study.runs, study.name))
    }
    assert found == {
        ("protocol version 3", "full"): (["42", "43"], 2),
        ("protocol version 3", "lora"): (["42", "43"], 3),
        ("protocol version 4", "lora"): (["43", "44"], 2),
    }
    block = {"metric": "auroc", "test_set": None, "margin": 0.02, "family": {"full": {"adaptation": ["full", "lora"]}}}
    studies.state_comparisons(study.runs, study.name, block)
    out = report(study)
    assert "Made under versions 3 and 4 of the protocol" in (out / "report.html").read_text()
    tables = {
        name: pd.read_csv(out / "tables" / "midog" / f"{name}.csv") for name in ("results", "adaptations", "stated")
    }
    assert sorted(tables["results"]["setting"]) == ["protocol version 3"] * 2 + ["protocol version 4"]
    for name in ("adaptations", "stated"):
        assert list(tables[name]["setting"]) == ["protocol version 3"]
