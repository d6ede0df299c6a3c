"""The strategy authors: by the name of the data set alone, or one line that says which sets it goes with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.data.splits.authors import Authors
from mitofm.data.splits.make import make
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import check
from mitofm.runs.identity import hash_config
from mitofm.runs.resolve import resolve
from tests.data.test_splits_file import slides, table


def config(tmp_path: Path, *overrides: str) -> dict[str, Any]:
    return resolve(compose("train", ["split=authors", f"paths.data={tmp_path}", *overrides]))


def test_the_card_says_where_the_file_is_and_what_its_words_mean(tmp_path: Path) -> None:
    strategy = instantiate(config(tmp_path, "data=midogpp")["split"])
    with pytest.raises(
        MitofmError, match=r"the authors' split of midogpp \(.*datasets_xvalidation.csv\) does not exist, nor"
    ):
        strategy.files()
    (tmp_path / "midogpp" / "databases").mkdir(parents=True)
    file = tmp_path / "midogpp" / "databases" / "datasets_xvalidation.csv"
    file.write_text("Slide;Dataset;Tumor\n" + "".join(f"{i};{'test' if i > 5 else 'train'};x\n" for i in range(8)))
    assert strategy.files() == [file]
    samples = table(a=8)
    samples["slide"] = "00" + samples["slide"].str.removeprefix("a")
    samples["image"] = samples["slide"] + ".tiff"
    split = make(strategy, samples, 1.0, 0)
    assert slides(split, "test", "in_domain") == {"006", "007"}
    assert len(slides(split, "train")) == 5
    assert len(slides(split, "validation")) == 1


def test_a_table_of_training_samples_leaves_the_others_to_test(tmp_path: Path) -> None:
    (tmp_path / "ami_br").mkdir()
    rows = "".join(f"00{i // 12}.tiff,MIDOG21,{i}\n" for i in range(60))
    (tmp_path / "ami_br" / "amibr_train_split.csv").write_text(f"slide,dataset,uid\n{rows}0.tiff,MIDOG21,99999\n")
    samples = table(a=7).assign(dataset="ami_br")
    samples["crop"] = [f"patches/atypical/MIDOG21_{i}.png" for i in range(len(samples))]
    for name in ("ami_br", "ami_benchmark"):
        split = make(instantiate(config(tmp_path, f"data={name}")["split"]), samples, 1.0, 0)
        assert slides(split, "test", "in_domain") == {"a5", "a6"}
        assert len(slides(split, "validation")) == 1


def test_a_set_without_one_names_those_with_one_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(
        MitofmError, match=r"data set 'synthetic' names no split .* do: .*ami_br, midogpp, study_ccmct"
    ) as told:
        check(config(tmp_path))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ({"fil": "x"}, r"unknown key 'fil' in data.authors_split of 'mine'. Did you mean 'file'"),
        ({"listed": "train"}, "data.authors_split of 'mine' names no file"),
        ({"file": "x", "others": "rest"}, "unknown split.others 'rest'"),
    ],
)
def test_a_card_that_cannot_be_meant_is_refused(published: dict[str, str], says: str) -> None:
    with pytest.raises(MitofmError, match=says):
        Authors(name="authors", data="mine", published=published)


def test_what_is_meant_is_part_of_a_cell_and_where_the_file_is_is_not(tmp_path: Path) -> None:
    def name(place: str, *overrides: str) -> str:
        return hash_config(config(tmp_path / place, "data=midogpp", *overrides), "0" * 64, "1" * 64, ["2" * 64])

    assert name("here") == name("there")
    assert name("here") != name("here", "data.authors_split.validation_share=0.3")
    given = resolve(compose("train", ["split=file", "split.file=a.csv", "split.others=test"]))
    assert hash_config(given, "0" * 64, "1" * 64, []) != hash_config(
        given | {"split": given["split"] | {"others": "unused"}}, "0" * 64, "1" * 64, []
    )
