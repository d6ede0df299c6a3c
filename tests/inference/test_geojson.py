"""Scores as GeoJSON: what QuPath is given of each sample, and one file of each image."""

import json
import uuid
from pathlib import Path

import pandas as pd
import pytest

from mitofm.inference import geojson

WORDS = {"0": "look-alike", "1": "mitotic figure"}
SAMPLE = {"sample_id": "a-1", "image": "one/Präparat.svs", "x": 100.1, "y": 2 / 3, "mpp": 0.25, "slide": "s", "domain": "d",
          "label": 1, "logit": 0.1 + 0.2, "probability": 0.5744425168116589, "predicted": 0}  # fmt: skip


def written(*samples: dict[str, object]) -> dict[str, dict]:
    documents = geojson.make_documents(Path("out/x.geojson"), pd.DataFrame(samples), WORDS, {"cell": "c"})
    assert {path.parent for path in documents} == {Path("out")}
    return {path.name: json.loads(text, parse_constant=pytest.fail) for path, text in documents.items()}


def test_a_feature_holds_what_qupath_reads_and_nothing_is_rounded() -> None:
    document = written(SAMPLE)["x.geojson"]
    assert (document["type"], document["mitofm"]) == ("FeatureCollection", {"cell": "c", "image": "one/Präparat.svs"})
    (feature,) = document["features"]
    known = {"sample_id": "a-1", "image": "one/Präparat.svs", "slide": "s", "domain": "d", "label": "mitotic figure"}
    assert uuid.UUID(feature.pop("id")).version == 5
    assert feature == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [100.1, 2 / 3]},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": "look-alike", "color": [86, 180, 233]},
            "measurements": {"probability": 0.5744425168116589, "logit": 0.1 + 0.2},
            "metadata": known,
            **known,
            "mpp": 0.25,
        },
    }


def test_it_is_ascii_and_equal_scores_are_equal_bytes() -> None:
    given = Path("x.geojson"), pd.DataFrame([SAMPLE]), WORDS, {}
    first = geojson.make_documents(*given)
    assert first == geojson.make_documents(*given)
    assert all(text.isascii() for text in first.values())


def test_what_is_unknown_is_null_or_absent_and_a_sample_is_written_once() -> None:
    sample = {key: value for key, value in SAMPLE.items() if key != "label"} | {"mpp": float("nan")}
    (feature,) = written(sample, sample)["x.geojson"]["features"]
    assert feature["properties"]["mpp"] is None
    assert "label" not in feature["properties"]


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["a.tif"], ["x.geojson"]),
        (["in/a.tif", "in/b.tif"], ["x-a.geojson", "x-b.geojson"]),
        (["a.tif", "a.svs"], ["x-a.tif.geojson", "x-a.svs.geojson"]),
        (["A/001.png", "B/001.png"], ["x-A-001.geojson", "x-B-001.geojson"]),
        (["A/1.png", "B/1.png", "B/1.tif"], ["x-A-1.png.geojson", "x-B-1.png.geojson", "x-B-1.tif.geojson"]),
        (["slide 1: left", "q"], ["x-slide_1__left.geojson", "x-q.geojson"]),
    ],
)
def test_each_image_has_a_file_of_its_own(images: list[str], names: list[str]) -> None:
    samples = [SAMPLE | {"sample_id": str(place), "image": image} for place, image in enumerate(images)]
    documents = written(*samples, samples[0] | {"sample_id": "more"})
    assert set(documents) == set(names)
    for image, name in zip(images, names, strict=True):
        assert {feature["properties"]["image"] for feature in documents[name]["features"]} == {image}
        assert len(documents[name]["features"]) == 1 + (image == images[0])


@pytest.mark.parametrize(
    "images", [["a/b.png", "a-b.png", "B.png"], ["ä/Case.png", "ä/case.png"], ["z" * 300, "y" + "z" * 300]]
)
def test_files_differ_whatever_the_images_are_called(images: list[str]) -> None:
    samples = [SAMPLE | {"sample_id": str(place), "image": image} for place, image in enumerate(images)]
    names = {name.casefold() for name in written(*samples)}
    assert len(names) == len(images)
    assert max(len(name.encode()) for name in names) < 200
