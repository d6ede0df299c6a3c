"""MIDOG JSON and plain COCO, made here with samples at known places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitofm.data.sources.coco import Coco
from mitofm.ground.errors import MitofmError

CENTRES = {11: (1, 130.0, 90.5), 12: (2, 5.0, 60.0), 13: (1, 395.0, 299.0)}  # annotation -> category, x, y
RULES = [
    {"files": [1, 50], "domain": "human breast cancer", "species": "human", "scanner": "XR"},
    {"files": [201, 244], "domain": "canine lung cancer", "species": "canine", "scanner": "3D"},
]


def content(**parts: Any) -> dict[str, Any]:
    """As MIDOG++ writes it: boxes of 50 px as corner pairs, which hang over the border of the image."""
    sizes = {"width": 400, "height": 300}
    return {
        "images": [
            {"id": 1, "file_name": "001.tiff", **sizes},
            {"id": 2, "file_name": "201.tiff", **sizes},
            {"id": 3, "file_name": "151.tiff", **sizes},
        ],
        "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"}],
        "annotations": [
            {
                "id": number,
                "image_id": 1 + number % 2,
                "category_id": category,
                "bbox": [x - 25, y - 25, x + 25, y + 25],
            }
            for number, (category, x, y) in CENTRES.items()
        ],
    } | parts


def boxed(number: int, x: float, y: float) -> dict[str, Any]:
    """A mitotic figure in image 1."""
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": [x - 25, y - 25, x + 25, y + 25]}


def source(root: Path, text: str | None = None, **settings: Any) -> Coco:
    root.mkdir(exist_ok=True, parents=True)
    (root / "MIDOG.json").write_text(json.dumps(content()) if text is None else text)
    given_ = {"boxes": "corners", "positive": [1], "negative": [2], "domains": RULES}
    return Coco(root, "mine", "MIDOG.json", **(given_ | settings))


def test_every_cell_is_at_the_centre_of_its_box_also_at_the_border(tmp_path: Path) -> None:
    table = source(tmp_path).table().set_index("sample_id")
    assert table.index.tolist() == ["001-12", "201-11", "201-13"]
    for sample, row in table.iterrows():
        category, x, y = CENTRES[int(str(sample).split("-")[1])]
        assert (row["x"], row["y"], row["label"]) == (x, y, 2 - category)


@pytest.mark.parametrize(("x", "y"), [(-2, 150), (200, -5), (402, 150), (200, 1000)])
def test_a_centre_outside_its_image_stays_in_the_table(tmp_path: Path, x: float, y: float) -> None:
    annotations = [*content()["annotations"], boxed(14, x, y)]
    table = source(tmp_path, json.dumps(content(annotations=annotations))).table().set_index("sample_id")
    assert table.loc["001-14", ["x", "y", "label"]].tolist() == [x, y, 1]
    xywh = [one | {"bbox": [*one["bbox"][:2], 50, 50]} for one in annotations]
    assert source(tmp_path, json.dumps(content(annotations=xywh)), boxes="xywh").table()["x"].tolist() == [
        5,
        x,
        130,
        395,
    ]


def test_two_of_three_may_lie_outside(tmp_path: Path) -> None:
    annotations = [boxed(1, -2, 150), boxed(2, 200, 305), boxed(3, 200, 150)]
    assert len(source(tmp_path, json.dumps(content(annotations=annotations))).table()) == 3


def test_boxes_of_which_most_lie_clear_of_their_images_are_refused(tmp_path: Path) -> None:
    annotations = [boxed(1, 4000, 150), boxed(2, 200, 3000), boxed(3, 200, 150)]
    with pytest.raises(
        MitofmError,
        match=r"annotation 1: the box \[3975, 125, 4025, 175\] of 001\.tiff \(400 x 300 px\) .*\(2 such of 3\)\. "
        "Is this file of other images, or of these at another size",
    ):
        source(tmp_path, json.dumps(content(annotations=annotations))).table()
    images = [
        {key: one[key] for key in ("id", "file_name")} for one in content()["images"]
    ]  # no size, nothing to check
    assert len(source(tmp_path, json.dumps(content(annotations=annotations, images=images))).table()) == 3


def test_labels_of_annotations_are_votes(tmp_path: Path) -> None:
    votes = {11: [1, 1], 12: [1, 2, 2], 13: [2, 1, 1]}
    annotations = [one | {"labels": votes[one["id"]]} for one in content()["annotations"]]
    for settings in ({}, {"positive": ["mitotic figure"], "negative": "not mitotic figure"}):
        table = (
            source(tmp_path, json.dumps(content(annotations=annotations)), **settings).table().set_index("sample_id")
        )
        assert table["votes_positive"].to_dict() == {"001-12": 1, "201-11": 2, "201-13": 2}
        assert table["votes"].to_dict() == {"001-12": 3, "201-11": 2, "201-13": 3}


@pytest.mark.parametrize("labels", [[], None, "1", ...])
def test_votes_that_not_all_samples_have_are_none(tmp_path: Path, labels: Any) -> None:
    annotations = [one | {"labels": [1, 2]} for one in content()["annotations"]]
    annotations[1]["labels"] = labels
    if labels is ...:
        del annotations[1]["labels"]
    text = json.dumps(content(annotations=annotations))
    assert not {"votes", "votes_positive"} & set(source(tmp_path, text).table())
    annotations[1]["category_id"] = 3
    categories = [*content()["categories"], {"id": 3, "name": "none"}]
    ignoring = source(tmp_path, json.dumps(content(annotations=annotations, categories=categories)), ignored=[3])
    assert ignoring.table()["votes"].tolist() == [2, 2]


@pytest.mark.parametrize("place", ["MIDOG++.json", "midog++.JSON", "MIDOGpp.json", "databases/MIDOG++.json"])
def test_the_json_is_found_by_any_of_its_names(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content()))
    reader = source(tmp_path)
    (tmp_path / "MIDOG.json").unlink()
    reader.file = ["MIDOG++.json", "MIDOGpp.json", "databases/MIDOG++.json"]
    assert reader.files() == [path]
    assert len(reader.table()) == 3


def test_images_of_the_clone_are_found_in_its_folder(tmp_path: Path) -> None:
    reader = source(tmp_path)
    (tmp_path / "images").mkdir()
    for name in ("001.tiff", "201.TIF"):
        (tmp_path / "images" / name).touch()
    reader.prepare()
    assert reader.table()["image"].tolist() == ["images/001.tiff"] + ["images/201.TIF"] * 2
    assert reader.table()["slide"].tolist() == ["001", "201", "201"]


def test_a_table_of_cases_describes_the_images(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text(
        "Slide;Tumor;Scanner;Species\n1;breast;Hamammatsu XR;Human\n201;lung;3D;Canine\n"
    )
    cases = {"file": "cases.csv", "image": "Slide", "domain": "Tumor", "scanner": "Scanner", "species": "Species"}
    spelling = {"Hamammatsu XR": "Hamamatsu XR"}
    for domains in ([], RULES):
        reader = source(tmp_path, cases=cases, domains=domains, spelling=spelling)
        table = reader.table()
        assert table["domain"].tolist() == ["breast", "lung", "lung"]
        assert table["scanner"].tolist() == ["Hamamatsu XR", "3D", "3D"]
        assert table["species"].tolist() == ["human", "canine", "canine"]
        assert reader.files() == [tmp_path / "MIDOG.json", tmp_path / "cases.csv"]


def test_what_an_image_is_comes_from_its_number(tmp_path: Path) -> None:
    table = source(tmp_path, images="images").table()
    assert table["image"].tolist() == ["images/001.tiff", "images/201.tiff", "images/201.tiff"]
    assert table["slide"].tolist() == ["001", "201", "201"]
    assert table["domain"].tolist() == ["human breast cancer"] + ["canine lung cancer"] * 2
    assert table["species"].tolist() == ["human", "canine", "canine"]
    assert table["scanner"].tolist() == ["XR", "3D", "3D"]
    assert table["dataset"].eq("mine").all()


def test_what_the_json_says_is_used_where_the_config_says_nothing(tmp_path: Path) -> None:
    images = content()["images"]
    for image in images:
        image |= {"tumor_type": f"tumor {image['id']}", "slide": f"case {image['id']}", "species": "canine"}
    images[1]["domain"] = "lung"
    text = json.dumps(content(images=images))
    table = source(tmp_path, text, domains=()).table()
    assert table["domain"].tolist() == ["tumor 1", "lung", "lung"]
    assert table["species"].eq("canine").all()
    assert table["slide"].tolist() == ["case 1", "case 2", "case 2"]
    assert source(tmp_path, text).table()["domain"].tolist() == ["human breast cancer"] + ["canine lung cancer"] * 2


def test_a_field_that_nobody_knows_is_no_column(tmp_path: Path) -> None:
    table = source(tmp_path, domains=[{"domain": "breast"}]).table()
    assert table["domain"].eq("breast").all()
    assert not {"species", "scanner"} & set(table)


def test_plain_coco_holds_width_and_height(tmp_path: Path) -> None:
    annotations = [
        {"id": number, "image_id": 1, "category_id": category, "bbox": [x - 25, y - 25, 50, 50]}
        for number, (category, x, y) in CENTRES.items()
    ]
    table = source(tmp_path, json.dumps(content(annotations=annotations)), boxes="xywh").table()
    assert table[["x", "y"]].to_numpy().tolist() == [list(CENTRES[number][1:]) for number in (11, 12, 13)]


@given(
    st.lists(
        st.tuples(st.floats(0, 400, width=32), st.floats(0, 300, width=32), st.floats(1, 99, width=32)), min_size=1
    )
)
def test_both_ways_to_write_a_box_give_one_centre(samples: list[tuple[float, float, float]]) -> None:
    image = content()["images"][0]
    ways = {
        "corners": lambda x, y, s: [x - s, y - s, x + s, y + s],
        "xywh": lambda x, y, s: [x - s, y - s, 2 * s, 2 * s],
    }
    for boxes, box in ways.items():
        reader = Coco(Path(), "mine", "a.json", boxes=boxes, positive=[1], negative=[2])
        written = pd.Series([box(*sample) for sample in samples])
        x1, y1, x2, y2 = reader._to_corners(written, pd.DataFrame([image] * len(samples)), "here").T
        assert np.stack([x1 + x2, y1 + y2], axis=1) / 2 == pytest.approx(np.array(samples)[:, :2], abs=1e-4)


def test_categories_are_named_by_name_or_id_and_may_be_ignored(tmp_path: Path) -> None:
    by_name = source(tmp_path, positive="mitotic figure", negative=["not mitotic figure"]).table()
    assert by_name.equals(source(tmp_path).table())
    annotations = content()["annotations"]
    annotations[0]["category_id"] = 3
    text = json.dumps(
        content(annotations=annotations, categories=[*content()["categories"], {"id": 3, "name": "other"}])
    )
    for ignored in (["other"], [3], "others"):
        assert source(tmp_path, text, ignored=ignored).table()["sample_id"].tolist() == ["001-12", "201-13"]
    with pytest.raises(
        MitofmError, match=r"MIDOG\.json: annotation 11: its class is '3', to which .* no label \(1 such"
    ):
        source(tmp_path, text).table()


def test_xywh_read_as_corners_is_named_with_the_way_out(tmp_path: Path) -> None:
    annotations = [one | {"bbox": [*one["bbox"][:2], 50, 50]} for one in content()["annotations"]]
    with pytest.raises(
        MitofmError,
        match=r"MIDOG\.json: annotation 11: the box \[105\.0, 65\.5, 50, 50\] of 201\.tiff \(400 x 300 px\) cannot be "
        r"\[x1, y1, x2, y2\].*\(105, 65\.5\) to \(50, 50\).*\[x, y, width, height\], set data\.source\.boxes=xywh",
    ):
        source(tmp_path, json.dumps(content(annotations=annotations))).table()


def test_corners_read_as_xywh_are_named_too(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"annotation 12: .*cannot be \[x, y, width, height\].*source\.boxes=corners"):
        source(tmp_path, boxes="xywh").table()


def annotation(**change: Any) -> str:
    return json.dumps(content(annotations=[content()["annotations"][0] | change]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'mine': .*MIDOG\.json is empty \(0 bytes\)"),
        ('{"images": [', r"MIDOG\.json is not a JSON file that can be read: .*line 1 .*Fetch it again"),
        ("[1, 2]", "is not COCO-like: it has no list 'images'"),
        (json.dumps(content(annotations=[])), "no list 'annotations', or an empty one"),
        (json.dumps(content(images=[{"id": 1}])), "entry 1 of 'images' lacks one of: id, file_name"),
        (json.dumps(content(images=content()["images"] * 2)), "2 of its 'images' have the id 1"),
        (annotation(bbox=[1, 2, 3]), r"annotation 11: its bbox is \[1, 2, 3\]; four numbers"),
        (annotation(bbox=[1, 2, 3, None]), "annotation 11: its bbox"),
        (annotation(image_id=9), "annotation 11: its image_id 9 is none of the file's images"),
        (annotation(image_id=3), r"MIDOG\.json: no domain is known of 151\.tiff.*source\.domains"),
    ],
)
def test_a_broken_file_is_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, text).table()


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    reader = source(tmp_path)
    (tmp_path / "MIDOG.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(MitofmError, match=r"MIDOG\.json is not a JSON file that can be read"):
        reader.table()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"boxes": "auto"}, "unknown data.source.boxes 'auto'.*There is: corners, xywh"),
        ({"positive": ["mitotic figur"]}, "unknown class 'mitotic figur'.*Did you mean 'mitotic figure'"),
        ({"positive": [1, 2]}, "gives class '2' two meanings"),
        ({"domains": [{"organ": "breast"}]}, "source.domains: unknown organ"),
        ({"domains": 5}, "source.domains=5: give a word"),
        ({"domains": ["breast", "lung"]}, "source.domains=.'breast', 'lung'.: give a word"),
        (
            {"domains": [{"files": ["a.tiff", "b.tiff"], "domain": "lung"}]},
            "files=.*: give one name, pattern or number",
        ),
        ({"cases": {"file": "a.csv", "image": "a", "tumor": "b"}}, "unknown key 'tumor' in data.source.cases"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, **settings).table()


def test_the_config_must_say_what_a_box_holds(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="boxes"):
        Coco(tmp_path, "mine", "MIDOG.json", positive=[1], negative=[2])  # type: ignore[call-arg]


def test_missing_images_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    reader = source(tmp_path)
    with pytest.raises(
        MitofmError, match=r"2 of 2 image files are missing in .*: 001\.tiff, 201\.tiff\. Copy them there"
    ):
        reader.prepare()
    for name in ("001.tiff", "201.tiff"):  # 151.tiff has no annotation and is not needed
        (tmp_path / name).touch()
    reader.prepare()
    (tmp_path / "MIDOG.json").unlink()
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*MIDOG\.json does not exist.*MITOFM_DATA"):
        reader.prepare()
