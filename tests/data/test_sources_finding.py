"""Names as published, then without regard to case; what is not there is said with what is."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from mitofm.data.sources.finding import find
from mitofm.ground.errors import MitofmError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for file in ("AMI-BR.csv", "Patches/Atypical/1.PNG"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("AMI-BR.csv", "AMI-BR.csv"),
        ("Ami-Br.csv", "AMI-BR.csv"),
        (["older.csv", "ami-br.CSV"], "AMI-BR.csv"),
        ("patches/atypical/1.png", "Patches/Atypical/1.PNG"),
        ("../{}/ami-br.csv", "AMI-BR.csv"),
    ],
)
def test_a_file_is_found_by_any_of_its_names_in_any_case(root: Path, names: str | list[str], found: str) -> None:
    names = names.format(root.name) if isinstance(names, str) else names
    assert find(root, names, "it").samefile(root / found)
    assert find(root, str(root / "ami-br.csv"), "it") == root / "AMI-BR.csv"  # an absolute path


def test_a_folder_is_no_file_and_a_file_no_folder(root: Path) -> None:
    assert find(root, "patches/ATYPICAL", "it", Path.is_dir) == root / "Patches" / "Atypical"
    with pytest.raises(MitofmError, match="it is not here"):
        find(root, "Patches", "it")
    with pytest.raises(MitofmError, match="it is not here"):
        find(root, "AMI-BR.csv", "it", Path.is_dir)


def test_the_published_name_goes_before_one_of_another_case_and_two_of_these_are_refused(root: Path) -> None:
    (root / "ami-br.csv").touch()
    if len(list(root.iterdir())) < 3:
        pytest.skip("this disk does not tell cases apart")
    assert find(root, ["Ami-Br.csv", "ami-br.csv"], "it").name == "ami-br.csv"
    with pytest.raises(MitofmError, match=r"Ami-Br\.csv may be .*AMI-BR\.csv or .*ami-br\.csv.*Keep or rename one"):
        find(root, "Ami-Br.csv", "it")


def test_accents_are_one_however_the_disk_encodes_them(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "Präparat.csv")).touch()
    assert find(tmp_path, unicodedata.normalize("NFC", "präparat.csv"), "it").is_file()


def test_what_is_not_there_is_said_with_what_lies_there(root: Path) -> None:
    with pytest.raises(MitofmError) as raised:
        find(root, ["a.csv", "b.csv"], "data set 'mine'")
    assert f"'mine' is not here: {root}/a.csv does not exist (nor b.csv); {root} holds AMI-BR.csv, Patches." in str(
        raised.value
    )
    with pytest.raises(MitofmError, match=r"nowhere/a\.csv does not exist; .*nowhere is no folder.*MITOFM_DATA"):
        find(root / "nowhere", "a.csv", "it")
    for number in range(9):
        (root / f"{number}.tif").touch()
    with pytest.raises(MitofmError, match=r"holds 0\.tif, 1\.tif, .*, 7\.tif, \.\.\. \(11 in all\)\."):
        find(root, "a.csv", "it")
