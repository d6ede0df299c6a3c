"""Curation on crops and regions made here: what is dropped, what is kept together, and that a split can never tear it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mitofm.data.annotations import fingerprint, units, validate
from mitofm.data.curation import OPPOSITE, OUTSIDE, PADDED, SHARED, TWIN, Curated, Rules, _connect, curate
from mitofm.data.splits.external import External
from mitofm.data.splits.make import make
from mitofm.data.survey import survey
from mitofm.ground.errors import MitofmError

RULES = Rules(outside="clip", padded="drop", patients=None, crop_px=32, mpp=None)


def pixels(number: int, side: int = 48) -> np.ndarray:
    return np.random.default_rng(number).integers(1, 255, (side, side, 3), dtype=np.uint8)


Crops = Callable[..., pd.DataFrame]


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    """A table of crops; equal numbers in `shows` are equal pixels."""

    def made(shows: list[int], labels: list[int], **columns: object) -> pd.DataFrame:
        names = [f"{i:02d}.png" for i in range(len(shows))]
        for name, number in zip(names, shows, strict=True):
            Image.fromarray(pixels(number)).save(tmp_path / name)
        table = {"sample_id": names, "dataset": "d", "image": names, "crop": names, "x": 24, "y": 24, "label": labels,
                 "slide": names, "domain": "breast"}  # fmt: skip
        return validate(pd.DataFrame(table | columns), "made")

    return made


def curated(root: Path, table: pd.DataFrame, rules: Rules = RULES) -> Curated:
    return curate(root, table, survey(root, table, None), rules)


def remarked(found: Curated) -> dict[str, list[str]]:
    return {what: sorted(one["sample_id"].str[:2]) for what, one in found.remarks.groupby("what")}


def test_a_table_in_which_nothing_is_wrong_stays_as_it_is(tmp_path: Path, crops: Crops) -> None:
    table = crops([1, 2, 3], [0, 1, 0])
    found = curated(tmp_path, table)
    pd.testing.assert_frame_equal(found.table, table)
    assert fingerprint(found.table) == fingerprint(table)
    assert found.remarks.empty


def test_equal_crops_are_one_unit_and_leave_if_they_are_labelled_both_ways(tmp_path: Path, crops: Crops) -> None:
    """Groups as in AtNorM-Br: 0 = 1 = 5 under both labels, 2 = 3 under one."""
    found = curated(tmp_path, crops([7, 7, 8, 8, 9, 7], [0, 1, 1, 1, 0, 1]))
    assert remarked(found) == {OPPOSITE: ["00", "01", "05"], TWIN: ["02", "03"]}
    assert found.table["sample_id"].tolist() == ["02.png", "03.png", "04.png"]
    assert units(found.table).tolist() == ["02.png", "02.png", "04.png"]
    assert found.table["slide"].tolist() == ["02.png", "03.png", "04.png"]


def test_two_sets_may_label_one_sample_differently_and_share_its_unit(tmp_path: Path, crops: Crops) -> None:
    found = curated(tmp_path, crops([7, 8, 7], [0, 1, 1], dataset=["a", "a", "b"]))
    assert remarked(found) == {SHARED: ["00", "02"]}
    assert units(found.table).tolist() == ["00.png", "01.png", "00.png"]


def test_crops_of_one_colour_say_nothing(tmp_path: Path, crops: Crops) -> None:
    table = crops([1, 2], [0, 1])
    for name in table["crop"]:
        Image.fromarray(np.full((48, 48, 3), 200, np.uint8)).save(tmp_path / name)
    assert curated(tmp_path, table).remarks.empty


def test_crops_that_agree_in_their_middle_show_one_cell_whatever_their_size(tmp_path: Path, crops: Crops) -> None:
    table = crops([1, 2, 1], [1, 0, 1])
    Image.fromarray(np.pad(pixels(1)[8:40, 8:40], ((20, 20), (20, 20), (0, 0)), "reflect")).save(tmp_path / "02.png")
    assert remarked(curated(tmp_path, table)) == {TWIN: ["00", "02"]}


@pytest.mark.parametrize("border", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize("tone", [0, 255])
def test_padded_crops_leave_unless_they_are_kept(tmp_path: Path, crops: Crops, border: str, tone: int) -> None:
    table = crops([1, 2, 3], [0, 1, 0])
    padded = pixels(2)
    padded[{"top": np.s_[:1], "bottom": np.s_[-1:], "left": np.s_[:, :1], "right": np.s_[:, -1:]}[border]] = tone
    Image.fromarray(padded).save(tmp_path / "01.png")
    found = curated(tmp_path, table)
    assert remarked(found) == {PADDED: ["01"]}
    assert found.table["sample_id"].tolist() == ["00.png", "02.png"]
    kept = Rules(outside="clip", padded="keep", patients=None, crop_px=32, mpp=None)
    assert len(curated(tmp_path, table, kept).table) == 3


def test_one_region_under_two_names_is_found_by_its_pixels(tmp_path: Path) -> None:
    for name, number in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        Image.fromarray(pixels(number, 100)).save(tmp_path / name)
    table = pd.DataFrame({"sample_id": list("123456"), "dataset": "d", "image": ["a.png", "a.png", "b.png", "b.png", "c.png", "c.png"],
                          "x": [40, 70, 40, 71, 40, 70], "y": [40, 30, 40, 31, 40, 30], "label": [0, 1, 0, 1, 1, 0],
                          "slide": list("aabbcc"), "domain": "breast"})  # fmt: skip
    found = curated(tmp_path, validate(table, "made"))
    assert remarked(found) == {TWIN: ["1", "3"]}  # not 5: another image at the same position
    assert units(found.table).tolist() == ["a", "a", "a", "a", "c", "c"]


def test_sets_of_one_folder_of_images_share_them_whatever_they_call_their_slides(tmp_path: Path) -> None:
    """As MIDOG++ and the atypical set of MIDOG 2025 do: without `source.slides`, Joined calls slides after their source."""
    Image.fromarray(pixels(1, 100)).save(tmp_path / "1.png")
    table = pd.DataFrame({"sample_id": list("1234"), "dataset": list("aabb"), "image": "1.png", "x": [40, 70, 40, 50], "y": 40,
                          "label": [0, 1, 1, 1], "slide": ["0/1", "0/1", "1/1", "1/1"], "domain": "breast"})  # fmt: skip
    found = curated(tmp_path, validate(table, "made"))
    assert remarked(found) == {SHARED: ["1", "3"]}
    assert units(found.table).tolist() == ["0/1"] * 4


def test_what_lies_far_outside_is_counted_and_left_out(tmp_path: Path) -> None:
    Image.fromarray(pixels(1, 100)).save(tmp_path / "a.png")
    table = pd.DataFrame({"sample_id": list("123"), "dataset": "d", "image": "a.png", "x": [40, -2, 900], "y": 40,
                          "label": [0, 1, 1], "slide": "a", "domain": "breast"})  # fmt: skip
    found = curated(tmp_path, validate(table, "made"))
    assert remarked(found) == {"clipped": ["2"], OUTSIDE: ["3"]}
    assert found.table["x"].tolist() == [40, 0]
    with pytest.raises(MitofmError, match="every sample lies outside its image"):
        curated(tmp_path, validate(table.assign(x=9000.0), "made"))


@pytest.mark.parametrize("rule", [r"^(\w\d\d)_", {"A03_00Aa": "A03", "A03_00Ba": "A03", "H04_00": "H04"}])
def test_slides_of_one_patient_are_one_unit(tmp_path: Path, crops: Crops, rule: str | dict[str, str]) -> None:
    table = crops([1, 2, 3], [0, 1, 0], slide=["A03_00Aa", "A03_00Ba", "H04_00"])
    found = curated(tmp_path, table, Rules("clip", "drop", rule, 32, None))
    assert units(found.table).tolist() == ["A03", "A03", "H04"]
    assert found.table["patient"].tolist() == ["A03", "A03", "H04"]
    own = table.assign(patient=["p", "q", "q"])  # what a table says itself comes first
    assert units(curated(tmp_path, own, Rules("clip", "drop", rule, 32, None)).table).tolist() == ["p", "q", "q"]


def test_crops_of_no_known_position_are_not_one_sample_for_lying_in_one_slide(tmp_path: Path, crops: Crops) -> None:
    """Joined sets of crops whose slides are known, and not where in them: x and y are the same of all."""
    table = crops([1, 2, 3, 4], [0, 1, 0, 1], slide="shared/1", dataset=["a", "a", "b", "b"])
    found = curated(tmp_path, table)
    pd.testing.assert_frame_equal(found.table, table)
    assert found.remarks.empty


def test_a_slide_that_two_sets_hold_is_one_unit_whatever_its_patients_are_called(tmp_path: Path, crops: Crops) -> None:
    slides, patients = ["s1", "s2", "s1", "s3"], ["0/p", "0/p", "1/q", "1/r"]
    found = curated(tmp_path, crops([1, 2, 3, 4], [0, 1, 0, 1], slide=slides, patient=patients))
    assert units(found.table).tolist() == ["0/p", "0/p", "0/p", "1/r"]


def test_a_rule_that_names_no_patient_is_refused(tmp_path: Path, crops: Crops) -> None:
    table = crops([1, 2], [0, 1], slide=["TCGA-AB-1234-01", "other"])
    with pytest.raises(MitofmError, match=r"names no patient of slide 'other' \(1 of 2 slides\)"):
        curated(tmp_path, table, Rules("clip", "drop", r"TCGA-\w\w-\w{4}", 32, None))
    with pytest.raises(MitofmError, match=r"data\.patients='\(' is no regular expression"):
        curated(tmp_path, table, Rules("clip", "drop", "(", 32, None))


@pytest.mark.parametrize(("key", "value"), [("outside", "cut"), ("padded", "yes")])
def test_a_rule_that_does_not_exist_is_refused(key: str, value: str) -> None:
    with pytest.raises(MitofmError, match=f"unknown data.{key} '{value}'"):
        Rules(**{**vars(RULES), key: value})


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_components_are_chains_of_shared_keys(pairs: list[tuple[int, int]]) -> None:
    first, second = (pd.Series(column) for column in zip(*pairs, strict=True))
    found = _connect(first, second)
    number = list(range(len(pairs)))
    for _ in pairs:
        for i, (one, other) in enumerate(pairs):
            for j, (third, fourth) in enumerate(pairs):
                if one == third or other == fourth:
                    number[i] = number[j] = min(number[i], number[j])
    assert pd.Series(found).groupby(number).nunique().eq(1).all()
    assert len(set(found)) == len(set(number))


@pytest.mark.parametrize("seed", range(4))
def test_no_sample_of_two_sets_is_on_two_sides_of_an_external_split(tmp_path: Path, crops: Crops, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shows = [*range(100), *rng.permutation(100)[:6], *range(200, 230)]  # six crops of `a` are in `b` too
    labels = rng.integers(0, 2, 300)[shows]  # both sets call them the same
    table = crops(shows, labels, dataset=["a"] * 100 + ["b"] * 36, sample_id=[f"{i:03d}" for i in range(136)],
                  slide=[f"s{i % 20}" for i in range(100)] + [f"t{i % 4}" for i in range(36)])  # fmt: skip
    found = curated(tmp_path, table)
    split = make(External(name="external", train_on="a", test_on="b"), found.table, 1.0, seed)
    shown = found.table["sample_id"].astype(int).map(dict(enumerate(shows)))
    used = split.frame["part"] != "unused"
    assert split.frame[used].groupby(shown[used])["part"].nunique().eq(1).all()
    assert split.frame[used].groupby(units(found.table)[used])["part"].nunique().eq(1).all()


def test_one_position_of_one_image_is_one_sample(tmp_path: Path) -> None:
    """Labelled both ways it leaves, as an equal crop does; a slide may have several images with positions of their own."""
    for number, name in enumerate(("a.png", "b.png")):
        Image.fromarray(pixels(number, 100)).save(tmp_path / name)
    table = pd.DataFrame({"sample_id": list("123456"), "dataset": "d", "image": ["a.png"] * 4 + ["b.png"] * 2,
                          "x": [40, 40.2, 70, 70, 40, 60], "y": 40, "label": [0, 1, 1, 1, 0, 1], "slide": "s",
                          "domain": "breast"})  # fmt: skip
    found = curated(tmp_path, validate(table, "made"))
    assert remarked(found) == {OPPOSITE: ["1", "2"], TWIN: ["3", "4"]}
    assert found.table["sample_id"].tolist() == ["3", "4", "5", "6"]
    assert found.remarks["place"].iloc[0] == "1 at (40, 40) in a.png"


@pytest.mark.parametrize("patients", [["a"], 5, True])
def test_patients_are_an_expression_or_a_map(patients: object) -> None:
    with pytest.raises(MitofmError, match=r"data\.patients=.*give a regular expression in quotes, or a map"):
        Rules("clip", "drop", patients, 32, None)  # type: ignore[arg-type]
