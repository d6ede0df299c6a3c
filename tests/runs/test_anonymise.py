"""Neutral names: in order, the same in all tables, and looked for in what is left."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from mitofm.ground.errors import MitofmError
from mitofm.runs.anonymise import Names, anonymise, require_no_names
from mitofm.runs.folder import State, check_sums, read_config

from ..made_up import Study


def table(*slides: str, **more: list[str]) -> pd.DataFrame:
    names = [f"{slide}-{place}" for place, slide in enumerate(slides)]
    return pd.DataFrame({"sample_id": names, "slide": slides, "domain": "lung", "label": 1} | more)


def test_names_are_numbered_in_their_order_and_alike_in_all_tables() -> None:
    first, second = table("Smith", "Adams"), table("Jones", "Smith", patient=["P2", "P1"])
    names = Names([first, second])
    assert names.rename(first)["slide"].tolist() == ["slide_003", "slide_001"]
    assert names.rename(second)["slide"].tolist() == ["slide_002", "slide_003"]
    assert names.rename(second)["patient"].tolist() == ["patient_002", "patient_001"]
    assert names.rename(second)["domain"].tolist() == ["lung", "lung"]
    assert names.rename(first)["sample_id"].tolist() == ["sample_003", "sample_001"]
    assert names.count() == {"sample": 4, "slide": 3, "patient": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("of Smithson.svs", "Smithson"),
        ("of Smithson_2", None),
        ("a Mary Ann 7, b", "Mary Ann 7"),
        ("a lung tumor", None),
        ("12345678 is 1234567", "12345678"),
        ("1234567", None),
    ],
)
def test_a_name_is_found_as_a_word_and_not_if_it_is_a_domain_or_a_short_number(text: str, found: str | None) -> None:
    slides = ("Smithson", "Mary Ann 7", "lung tumor", "12345678", "1234567")
    names = Names([table(*slides).assign(domain="lung tumor")])
    assert names.find(text) == found


def test_a_copy_holds_no_name_and_its_checksums_are_right(study: Study, tmp_path: Path) -> None:
    for seed in (1, 2):
        study.add(seed=seed)
    done = study.add(seed=3)
    failed = study.add(seed=4)
    (failed / "DONE").unlink()
    (failed / "FAILED").write_text("Traceback\nValueError: Mrs Smith\n")
    (failed / "predictions.parquet").write_bytes(b"cut")
    source = {"_target_": "mitofm.data.sources.points_csv.PointsCsv", "name": "own", "domains": {"Smith.svs": "lung"}}
    config = {
        "data": {"name": "own", "source": source | {"root": "/a"}},
        "split": {"file": "Smith.csv", "by": "domain"},
    }
    (done / "config.yaml").write_text(yaml.safe_dump(config))
    names = anonymise(study.runs, study.name, tmp_path / "copy")
    require_no_names(names, tmp_path / "copy", "a note")
    copied = {file: file.read_bytes() for file in (tmp_path / "copy").rglob("*") if file.is_file()}
    assert not [file for file, content in copied.items() if b"Smith" in content or b"breast_0" in content]
    cell = tmp_path / "copy" / "cells" / done.name
    kept = read_config(cell)
    assert kept["data"]["source"]["_target_"].endswith("PointsCsv")
    assert kept["data"]["source"]["domains"].startswith("left out ")
    assert kept["split"]["by"] == "domain"
    assert not check_sums(cell)  # an older one, without checksums
    assert (
        (tmp_path / "copy" / "cells" / failed.name / State.FAILED.value).read_text().startswith("ValueError: left out")
    )
    (failed / "config.yaml").write_text("[")
    with pytest.raises(MitofmError, match=r"config\.yaml cannot be read"):
        anonymise(study.runs, study.name, tmp_path / "again")
