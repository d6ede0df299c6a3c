"""What QuPath exports, and `mitofm predict` writes for it: tables in micrometres and GeoJSON in pixels."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from mitofm.data.annotations import fingerprint
from mitofm.data.curation import Rules
from mitofm.data.patches import ensure
from mitofm.data.sources.points_csv import PointsCsv
from mitofm.data.tables import Tables
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered

MPP = 0.499
POINTS = [("a.tif", 20, 31, "Mitosis"), ("a.tif", 44.5, 27, "Non-mitosis"), ("b.tif", 33, 40.5, "Mitosis")]
PX = "x,y,label,filename\n" + "".join(f"{x},{y},{int(kind == 'Mitosis')},{image}\n" for image, x, y, kind in POINTS)


def slides(root: Path, mpp: float | None = MPP, names: tuple[str, ...] = ("a.tif", "b.tif")) -> Path:
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        each = None if mpp is None else (10_000_000, round(1000 * mpp))  # of which tifffile makes no other fraction
        said: Any = {"resolution": (each, each), "resolutionunit": "CENTIMETER"} if each else {}
        tifffile.imwrite(root / name, rng.integers(0, 256, (64, 64, 3), np.uint8), photometric="rgb", **said)
    return root


def source(root: Path, file: Any = "cells.csv", **settings: Any) -> PointsCsv:
    return PointsCsv(root, "mine", file, **({"positive": [1], "negative": [0]} | settings))


def export(root: Path, file: str, text: str | bytes, **settings: Any) -> PointsCsv:
    (root / file).write_bytes(text.encode() if isinstance(text, str) else text)
    return source(root, file, **settings)


def measured(unit: str = "µm", decimals: int = 2, separator: str = "\t", kind: str = "Classification") -> str:
    """As QuPath's measurement exporter writes it."""
    per_px = {"µm": MPP, "px": 1}.get(unit, MPP)
    header = ["Image", "Object ID", "Object type", "Name", kind, "Parent", f"Centroid X {unit}", f"Centroid Y {unit}"]
    rows = [
        [image, f"0-{i}", "Detection", "", label, "Root", f"{x * per_px:.{decimals}f}", f"{y * per_px:.{decimals}f}"]
        for i, (image, x, y, label) in enumerate(POINTS)
    ]
    return "\n".join(separator.join(row) for row in [header, *rows])


def feature(geometry: Any, label: Any = "Mitosis", **properties: Any) -> dict[str, Any]:
    said = {"objectType": "annotation", "classification": {"name": label, "color": [200, 0, 0]}} | properties
    return {"type": "Feature", "id": "0", "geometry": geometry, "properties": said}


def point(x: float, y: float, *more: Any, **properties: Any) -> dict[str, Any]:
    return feature({"type": "Point", "coordinates": [x, y]}, *more, **properties)


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def centres(table: pd.DataFrame) -> list[list[float]]:
    return table[["x", "y"]].to_numpy().tolist()


def test_micrometres_and_geojson_give_the_crops_of_pixels_to_the_last_grey_level(tmp_path: Path) -> None:
    root = slides(tmp_path / "slides")
    (root / "cells.csv").write_text(PX)
    (root / "um.tsv").write_text(measured())
    for image in ("a.tif", "b.tif"):
        mine = [point(x, y, label) for name, x, y, label in POINTS if name == image]
        (root / f"{image}.geojson").write_text(collection(*mine))
    stores = [
        ensure(source(root, file), name="s", crop_px=15, margin_px=2, cache=tmp_path, remembered=Remembered(tmp_path))
        for file in ("cells.csv", "um.tsv", "*.geojson")
    ]
    table = stores[0].table
    assert centres(table) == [[20, 31], [44.5, 27], [33, 40.5]]
    for store in stores[1:]:
        assert store.table.equals(table)
        assert np.array_equal(store.patches, stores[0].patches)


@pytest.mark.parametrize(
    "unit", ["µm", "\u03bcm", "Âµm", "Î¼m", "?m", "\ufffdm", "[um]", "(µm)", "um", "micron", "px", "(px)", "[pixels]"]
)
def test_the_header_says_the_unit(tmp_path: Path, unit: str) -> None:
    scale = "px" if "p" in unit else "µm"
    text = measured(scale).replace(f"Centroid X {scale}", f"Centroid X {unit}")
    text = text.replace(f"Centroid Y {scale}", f"Centroid Y {unit}")
    table = export(slides(tmp_path), "q.tsv", text).table()
    assert centres(table) == [[20, 31], [44.5, 27], [33, 40.5]]
    assert table["label"].tolist() == [1, 0, 1]
    assert table["slide"].tolist() == ["a", "a", "b"]


@pytest.mark.parametrize("typed", ["Centroid X \u00b5m", "Centroid X \u03bcm"])
def test_the_two_micro_signs_are_one(tmp_path: Path, typed: str) -> None:
    mine = export(slides(tmp_path), "q.tsv", measured("\u03bcm"), columns={"x": typed, "y": typed.replace("X", "Y")})
    assert centres(mine.table())[0] == [20, 31]


def test_the_unit_may_be_stated(tmp_path: Path) -> None:
    root = slides(tmp_path)
    plain = measured().replace(" µm", "")
    assert centres(export(root, "q.tsv", plain, unit="um").table())[0] == [20, 31]
    assert [9.98, 15.47] in centres(export(root, "q.tsv", plain).table())
    assert [9.98, 15.47] in centres(export(root, "q.tsv", measured(), unit="px").table())
    with pytest.raises(MitofmError, match=r"unknown data\.source\.unit 'mm'.*There is: px, um"):
        source(root, unit="mm")


@pytest.mark.parametrize("kind", ["Class", "Classification"])  # before and since QuPath 0.4
@pytest.mark.parametrize("separator", ["\t", ";", ","])
def test_exports_of_any_version_and_dialect(tmp_path: Path, kind: str, separator: str) -> None:
    text = measured("µm", separator=separator, kind=kind).encode("cp1252")
    assert export(slides(tmp_path), "q.txt", text).table()["label"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("written", "x"),
    [
        ("811.87", 1627),
        ("811.9", 1627),
        ("812", 1627.5),
        ("811.873", 1627),
        ("811.8729999999999", 1627),
        ("811.8", 811.8 / MPP),
        ("811.800", 811.8 / MPP),
        ("811,87", 1627),
    ],
)
def test_a_rounded_micrometre_is_the_whole_or_half_pixel_that_it_may_be(tmp_path: Path, written: str, x: float) -> None:
    text = f"Image;Class;Centroid X µm;Centroid Y µm\na.tif;Mitosis;{written};{written}\n"
    found = centres(export(slides(tmp_path), "q.csv", text).table())
    assert found == [[pytest.approx(x, abs=1e-9)] * 2]
    assert int(found[0][0]) == int(x)


def test_an_image_that_says_no_resolution_is_one_line_with_both_ways_out(tmp_path: Path) -> None:
    root = slides(tmp_path, mpp=None)
    with pytest.raises(
        MitofmError, match=r"q\.tsv: .*micrometres, and a\.tif does not state its resolution \(2 such images\).*"
        r"data\.image_mpp=0\.25.*data\.source\.columns\.mpp=WORD"
    ):  # fmt: skip
        export(root, "q.tsv", measured()).table()
    table = source(root, "q.tsv", image_mpp=MPP).table()
    assert centres(table)[0] == [20, 31]
    assert table["mpp"].eq(MPP).all()
    head, *rows = measured().splitlines()
    table = export(
        root, "q.tsv", "\n".join([f"{head}\tum", *(f"{r}\t0,499" for r in rows)]), columns={"mpp": "um"}
    ).table()
    assert centres(table)[0] == [20, 31]


def test_images_that_are_missing_or_no_images_are_said_before_positions_are(tmp_path: Path) -> None:
    mine = export(slides(tmp_path, names=("a.tif",)), "q.tsv", measured())
    with pytest.raises(MitofmError, match=r"1 of 2 image files are missing in .*: b\.tif"):
        mine.table()
    (tmp_path / "b.tif").write_text("no image")
    with pytest.raises(MitofmError, match=r"b\.tif.*1 images of .*q\.tsv cannot be read"):
        mine.table()


@pytest.mark.parametrize(("x", "y"), [("µm", "px"), ("mm", "mm"), ("µm", "")])
def test_units_that_do_not_fit_are_refused(tmp_path: Path, x: str, y: str) -> None:
    text = f"Image,Class,x {x},y {y}\na.tif,Mitosis,1,2\n"
    with pytest.raises(MitofmError, match=r"'x (µm|mm)' is in (um|mm)"):
        export(slides(tmp_path), "q.csv", text).table()


def test_micrometres_follow_the_resolution_of_their_image(tmp_path: Path) -> None:
    """Of a table that was kept before the images were exchanged for some of another resolution, too."""
    mine = export(slides(tmp_path / "a"), "q.tsv", measured())
    kept = Tables(tmp_path / "cache", "mine", mine, {}, mine.files(), Rules("clip", "drop", None, 8, None), None)
    before = kept.read().table
    slides(tmp_path / "a", 2 * MPP)
    after = kept.read().table
    np.testing.assert_allclose(after[["x", "y"]], before[["x", "y"]] / 2, atol=0.5)
    assert kept.fingerprint() != fingerprint(before)


def test_unclassified_objects_are_counted_and_can_be_left_out(tmp_path: Path) -> None:
    text = measured().replace("Non-mitosis", "")
    with pytest.raises(
        MitofmError, match=r"q\.tsv: 1 of 3 rows have no class, the first is row 3\. data\.source\.ignored"
    ):
        export(slides(tmp_path), "q.tsv", text).table()
    assert source(tmp_path, "q.tsv", ignored="others").table()["label"].tolist() == [1, 1]
    mine = export(
        tmp_path, "q.geojson", collection(point(1, 2), point(3, 4, None), point(5, 6, "Tumor")), ignored="others"
    )
    (tmp_path / "q.tif").touch()
    assert centres(mine.table()) == [[1, 2]]


SQUARE = [[10, 20], [14, 20], [14, 24], [10, 24], [10, 20]]


@pytest.mark.parametrize(
    ("geometry", "found"),
    [
        ({"type": "Point", "coordinates": [1.25, 2, 0]}, [[1.25, 2]]),
        ({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [[12, 22]]),
        ({"type": "Polygon", "coordinates": [SQUARE[:4]]}, [[12, 22]]),  # its ring is not closed
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [[[x + 8, y] for x, y in SQUARE]]]}, [[16, 22]]),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}] * 2},
            [[1, 2], [1, 2]],
        ),
    ],
)
def test_a_sample_is_a_point_or_the_centroid_of_an_area(tmp_path: Path, geometry: Any, found: list[Any]) -> None:
    mine = export(slides(tmp_path), "a.geojson", collection(feature(geometry)))
    assert centres(mine.table()) == found


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, r"feature 2: its geometry is LineString; .*ignored"),
        (None, "feature 2: its geometry is missing"),
        ({"type": "Point", "coordinates": []}, "feature 2: its Point cannot be read"),
        ({"type": "Point", "coordinates": [1, None]}, "feature 2: its Point cannot be read"),
        ({"type": "Point", "coordinates": [1, float("nan")]}, "feature 2: its Point has no position"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, "feature 2: its Polygon cannot be read"),
        ({"type": "MultiPoint", "coordinates": []}, "feature 2: its MultiPoint has no position"),
    ],
)
def test_a_geometry_that_is_no_sample_is_one_line(tmp_path: Path, geometry: Any, message: str) -> None:
    with pytest.raises(MitofmError, match=rf"a\.geojson: {message}"):
        export(slides(tmp_path), "a.geojson", collection(point(1, 2), feature(geometry))).table()
    assert (
        len(export(tmp_path, "a.geojson", collection(point(1, 2), feature(geometry, "x")), ignored=["x"]).table()) == 1
    )


@pytest.mark.parametrize(
    "properties",
    [
        {"classification": {"name": "Mitosis", "color": [1, 2, 3]}},
        {"classification": {"name": "Mitosis", "colorRGB": -1}},  # QuPath 0.2 and before
        {"classification": "Mitosis"},
        {"classification": {"names": ["Mitosis"]}},
        {"classification": None, "name": "Mitosis"},
        {"name": " Mitosis "},
    ],
)
def test_classes_are_found_where_any_version_writes_them(tmp_path: Path, properties: Any) -> None:
    one = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": properties}
    assert export(slides(tmp_path), "a.geojson", collection(one)).table()["label"].tolist() == [1]


def test_derived_classes_are_named_as_qupath_writes_them(tmp_path: Path) -> None:
    text = collection(point(1, 2, "Tumor: Mitosis"), point(3, 4, None, classification={"names": ["Tumor", "Other"]}))
    mine = export(slides(tmp_path), "a.geojson", text, positive="Tumor: Mitosis", negative="Tumor: Other")
    assert mine.table()["label"].tolist() == [1, 0]


@pytest.mark.parametrize(
    "text",
    [
        collection(point(1, 2)),
        json.dumps([point(1, 2)], indent=2),  # QuPath's bare list
        json.dumps(point(1, 2)),
        collection(point(1, 2)).encode("utf-8-sig"),
        collection(point(1, 2)).encode("utf-16"),
        collection(point(1, 2, name="é")).replace("\\u00e9", "é").encode("cp1252"),
        gzip.compress(collection(point(1, 2)).encode()),
    ],
)
def test_every_container_is_read(tmp_path: Path, text: str | bytes) -> None:
    root = slides(tmp_path)
    for file in ("a.geojson", "a.json", "a.tif.geojson", "A.GEOJSON"):
        assert centres(export(root, file, text).table()) == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a GeoJSON file that can be read"),
        ('{"type": "Topology"}', "is not GeoJSON: it holds 'Topology'"),
        ('{"a": 1}', "is not GeoJSON: it holds None"),
        ("[1]", "is not GeoJSON: it holds 'int'"),
        (collection(), "it has no features: nothing is labelled in it"),
        (collection(point(1, 2, "Tumor")), "feature 1: its class is 'Tumor'"),
    ],
)
def test_what_is_no_geojson_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        export(slides(tmp_path), "a.geojson", text).table()


def test_a_file_that_names_no_image_is_of_that_of_its_name_or_of_the_only_one(tmp_path: Path) -> None:
    root = slides(tmp_path, names=("a.tif",))
    assert export(root, "mitoses.geojson", collection(point(1, 2))).table()["image"].tolist() == ["a.tif"]
    slides(tmp_path, names=("b.ome.tif", "b2.tif"))
    for file in ("b.geojson", "b.ome.geojson", "b.ome.tif.geojson"):
        assert export(root, file, collection(point(1, 2))).table()["image"].tolist() == ["b.ome.tif"]
    with pytest.raises(
        MitofmError, match=r"does not say which image .*none in .* 'c', and there are 3\. .*properties\.image"
    ):
        export(root, "c.geojson", collection(point(1, 2))).table()
    (root / "a.png").touch()
    with pytest.raises(MitofmError, match=r"'a' may be the image .*a\.png or a\.tif"):
        export(root, "a.geojson", collection(point(1, 2))).table()


def test_what_predict_writes_is_read_back(tmp_path: Path) -> None:
    root = slides(tmp_path / "slides").parent
    known = {"sample_id": "s1", "image": "slides/a.tif", "slide": "case 1", "domain": "lung"}
    again = known | {"sample_id": "s2", "image": "slides/b.tif"}
    # The second as QuPath exports it again: it keeps `metadata` alone.
    text = collection(point(1.25, 2, "mitotic figure", **known), point(3, 4, "hard negative", metadata=again))
    for images in (".", "slides"):
        table = export(root, "p.geojson", text, images=images).table()
        assert table["image"].tolist() == ["slides/a.tif", "slides/b.tif"]
        assert table[["sample_id", "slide", "domain"]].to_numpy().tolist() == [
            ["s1", "case 1", "lung"],
            ["s2", "case 1", "lung"],
        ]
        assert centres(table) == [[1.25, 2], [3, 4]]


def test_names_that_are_not_unique_are_made_anew(tmp_path: Path) -> None:
    text = collection(point(1, 2, sample_id="s"), point(3, 4.127, sample_id="s"))
    assert export(slides(tmp_path), "a.geojson", text).table()["sample_id"].tolist() == ["a-1-2", "a-3-4.13"]


def test_without_labels_every_feature_is_a_sample(tmp_path: Path) -> None:
    text = collection(point(1, 2, None), point(3, 4, "Tumor"))
    assert export(slides(tmp_path), "a.geojson", text, columns={"label": None}).table()["label"].tolist() == [-1, -1]


@pytest.mark.parametrize("label", ["label", None])
def test_of_many_slides_some_may_hold_no_sample(tmp_path: Path, label: str | None) -> None:
    root = slides(tmp_path)
    (root / "a.geojson").write_text(collection(), encoding="utf-8")
    settings: Any = {"columns": {"label": label}, "ignored": "others"}
    many = export(root, "b.geojson", collection(point(1, 2)), **settings)
    many.file = "*.geojson"
    assert many.table()[["image", "slide", "domain"]].to_numpy().tolist() == [["b.tif", "b", "mine"]]
    (root / "b.geojson").write_text(collection(), encoding="utf-8")
    with pytest.raises(MitofmError, match=r"a\.geojson"):
        many.table()
