"""`mitofm count`: what it writes, that nothing is lost or mixed, and what it says of bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import numpy as np
import pandas as pd
import pytest
import tifffile
from annotated_types import MinLen
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from mitofm.counting import scoring
from mitofm.counting.intervals import count_interval
from mitofm.data.proposals import survey
from mitofm.data.sources import geojson
from mitofm.data.sources.classes import Classes
from mitofm.ground.csv_cells import read_csv
from mitofm.inference.scorer import Scorer
from mitofm.synthesis.tissue import Region

from .conftest import MPP, copy, read_all, write_tiff

Count = Callable[..., str]
Kind, Coordinates = TypeVar("Kind"), TypeVar("Coordinates")
Position = Annotated[list[int | float], MinLen(2)]


def refused(count: Count, capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one line with which a command ends."""
    with pytest.raises(SystemExit) as ended:
        count(*words)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("mitofm: ")
    assert error.count("\n") == 1
    return error


def test_a_slide_has_a_row_and_its_files_agree(both: Path) -> None:
    table = read_csv(both / "slides.csv").set_index("image")
    assert list(table.index) == ["one.tif", "two.tif"]
    for image, row in table.iterrows():
        folder = both / Path(str(image)).stem
        found = pd.read_parquet(folder / "detections.parquet")
        scored = pd.read_parquet(folder / "candidates.parquet")
        assert row["positions_scored"] == len(scored)
        assert row["mitotic_figures"] == (found["predicted"] == 1).sum() > 0
        assert row["hotspot_count"] == found["in_hotspot"].sum()
        assert (row["hotspot_low"], row["hotspot_high"]) == pytest.approx(count_interval(row["hotspot_count"]))
        assert row["per_mm2_low"] < row["per_mm2"] < row["per_mm2_high"]
        assert row["tissue_mm2"] == pytest.approx(640**2 * (MPP / 1000) ** 2, rel=0.1)
        assert row["hotspot_tissue_mm2"] == pytest.approx(row["tissue_mm2"])
        assert "less than the hotspot's 2 mm²" in row["notes"]
        text = read_csv(folder / "detections.csv")
        assert text["class"].map({"mitotic figure": 1, "look-alike": 0}).tolist() == found["predicted"].tolist()
        pd.testing.assert_frame_equal(text[["x", "y", "logit"]], found[["x", "y", "logit"]], check_exact=True)
        assert not (folder / "work").exists()


def test_no_two_detections_are_one_figure(both: Path) -> None:
    found = pd.read_parquet(both / "one" / "detections.parquet")
    places = found[["x", "y"]].to_numpy() * MPP
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(places))
    assert apart.min() > 7.5


def test_its_logit_is_that_of_the_pixels_around_a_position(
    both: Path, slides: Path, monkeypatch: pytest.MonkeyPatch, count: Count, tmp_path: Path
) -> None:
    seen: list[np.ndarray] = []
    kept = Scorer.score
    monkeypatch.setattr(Scorer, "score", lambda self, patches: seen.append(patches) or kept(self, patches))
    count(f"slides={slides}/one.tif", f"output={tmp_path}/out")
    scored = pd.read_parquet(tmp_path / "out" / "one" / "candidates.parquet")
    pd.testing.assert_frame_equal(scored, pd.read_parquet(both / "one" / "candidates.parquet"), check_exact=True)
    pixels, patches = tifffile.imread(slides / "one.tif"), np.concatenate(seen)
    assert len(patches) == len(scored)
    for patch, (x, y) in zip(patches, np.floor(scored[["x", "y"]].to_numpy()).astype(int), strict=True):
        if 32 <= x < 1300 - 32 and 32 <= y < 1000 - 32:
            assert (patch == pixels[y - 32 : y + 32, x - 32 : x + 32]).all()


@pytest.mark.parametrize("mode", ["linear_probe", "lora"])
def test_points_of_a_file_get_the_scores_of_predict(
    typed: Callable[..., tuple[str, str]], count: Count, slides: Path, region: Region, tmp_path: Path, mode: str
) -> None:
    points = pd.DataFrame(region.centres + np.array([300, 100]), columns=["x", "y"]).assign(filename="one.tif", label=0)
    points.to_csv(tmp_path / "points.csv", index=False)
    count(f"slides={slides}/one.tif", f"proposals={tmp_path}/points.csv", f"output={tmp_path}/out", cell=mode)
    typed("predict", mode, "data=own_csv", f"data.source.root={slides}", f"data.source.file={tmp_path}/points.csv",
          "data.source.columns.label=null", "trainer.threads=1", "trainer.accelerator=cpu", f"output={tmp_path}/scores.csv")  # fmt: skip
    ours = pd.read_parquet(tmp_path / "out" / "one" / "candidates.parquet").sort_values(["x", "y"])
    theirs = pd.read_csv(tmp_path / "scores.csv").sort_values(["x", "y"])
    assert ours[["x", "y"]].to_numpy().tolist() == theirs[["x", "y"]].to_numpy().tolist()
    assert ours["logit"].to_numpy() == pytest.approx(theirs["logit"].to_numpy(), abs=1e-4)


def test_qupath_gets_points_by_class_and_the_hotspot_as_a_rectangle(both: Path) -> None:
    path = both / "one" / "detections.geojson"
    document = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert document["type"] == "FeatureCollection"
    found = pd.read_parquet(both / "one" / "detections.parquet")
    *points, rectangle = document["features"]
    assert {point["geometry"]["type"] for point in points} == {"Point"}
    assert rectangle["properties"]["classification"]["name"] == "hotspot"
    (ring,) = rectangle["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    width, height = ring[2][0] - ring[0][0], ring[2][1] - ring[0][1]
    assert width * height * (MPP / 1000) ** 2 == pytest.approx(2.0)
    assert len({feature["id"] for feature in document["features"]}) == len(found) + 1
    classes = Classes(["mitotic figure"], ["look-alike"], ["hotspot"])
    read = geojson.read(path, labelled=True, labels=classes.to_labels, unit="px").entries
    assert read[["x", "y"]].to_numpy().tolist() == found[["x", "y"]].to_numpy().tolist()
    assert read["label"].tolist() == found["predicted"].tolist()


class Geometry(TypedDict, Generic[Kind, Coordinates]):
    """Section 3.1 of RFC 7946, without members that it does not know."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]
    type: Kind
    coordinates: Coordinates


class Feature(TypedDict):
    """Section 3.2: without members that section 7.1 keeps for other objects."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]
    type: Literal["Feature"]
    id: str
    geometry: (
        Geometry[Literal["Point"], Position] | Geometry[Literal["Polygon"], list[Annotated[list[Position], MinLen(4)]]]
    )
    properties: dict[str, Any]


def test_its_geojson_has_the_structure_of_rfc_7946_and_its_points_are_those_that_were_scored(both: Path) -> None:
    document = json.loads((both / "one" / "detections.geojson").read_text(), parse_constant=pytest.fail)
    assert document.keys() == {
        "type",
        "features",
        "mitofm",
    }  # section 6.1 allows a foreign member; crs is gone since 2016
    assert not document["mitofm"].keys() & {"coordinates", "geometries", "geometry", "properties", "features"}
    features = TypeAdapter(list[Feature]).validate_python(document["features"], strict=True)
    (ring,) = features[-1]["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    corners = np.array(ring)
    assert np.linalg.det([corners[1] - corners[0], corners[2] - corners[1]]) > 0  # the right-hand rule, section 3.1.6
    scored = pd.read_parquet(both / "one" / "candidates.parquet")  # whose pixels are compared with tifffile's above
    known = {(row.x, row.y): row.logit for row in scored.itertuples()}
    for feature in features[:-1]:
        assert feature["properties"]["measurements"]["logit"] == known[tuple(feature["geometry"]["coordinates"])]


@pytest.mark.parametrize("killed_at", ["survey", "first piece", "later piece", "files"])
def test_a_killed_count_ends_with_the_same_bytes(
    both: Path, count: Count, slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    monkeypatch.setattr(scoring, "_PIECE", 64 * 64 * 64 * 3)  # many pieces, so that there is a later one
    calls = 0

    def dies_at(number: int, work: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                raise KeyboardInterrupt
            return work(*arguments)

        return call

    from mitofm.counting import outputs

    owner, name, number = {
        "survey": (survey, "_read_band", 1),
        "first piece": (Scorer, "score", 1),
        "later piece": (Scorer, "score", 3),
        "files": (outputs, "write_json", 1),
    }[killed_at]
    with monkeypatch.context() as dying:
        dying.setattr(owner, name, dies_at(number, getattr(owner, name)))
        with pytest.raises(SystemExit):
            count(f"slides={slides}", f"output={tmp_path}/out")
    assert not (tmp_path / "out" / "slides.csv").exists()
    count(f"slides={slides}", f"output={tmp_path}/out")
    assert read_all(tmp_path / "out") == read_all(both)


def test_a_finished_count_is_not_computed_again(
    both: Path, count: Count, slides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_all(both)
    monkeypatch.setattr(Scorer, "score", pytest.fail)
    said = count(f"slides={slides}", f"output={both}")
    assert "hotspot of 2 mm²" in said
    assert "not for diagnosis" in said
    assert read_all(both) == before


def test_another_count_is_not_mixed_with_it(
    both: Path, count: Count, slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_all(both)
    assert "of other settings" in refused(count, capsys, f"slides={slides}", "merge_um=5", f"output={both}")
    assert "of other slides" in refused(count, capsys, f"slides={slides}/one.tif", f"output={both}")
    changed = copy(slides, tmp_path / "slides")
    pixels = tifffile.imread(changed / "one.tif")
    pixels[0, 0] = 0
    write_tiff(changed / "one.tif", pixels)
    assert "of other slides" in refused(count, capsys, f"slides={changed}", f"output={both}")
    named = copy(slides, tmp_path / "named")
    (named / "cells.csv").write_text("x,y,label,filename,slide\n500,400,1,one.tif,A\n500,400,0,two.tif,B\n")
    assert "of other slides" in refused(count, capsys, "data=own_csv", f"data.source.root={named}", f"output={both}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "no folder of a count" in refused(count, capsys, f"slides={slides}", f"output={tmp_path}/mine")
    assert read_all(both) == before


def test_a_dense_grid_takes_twenty_times_as_many_passes(both: Path, count: Count, slides: Path, tmp_path: Path) -> None:
    count(f"slides={slides}/one.tif", "proposals=dense", f"output={tmp_path}/out")
    dense, few = (len(pd.read_parquet(out / "one" / "candidates.parquet")) for out in (tmp_path / "out", both))
    assert dense > 20 * few


def test_a_region_bounds_what_is_counted(both: Path, count: Count, slides: Path, tmp_path: Path) -> None:
    corners = [[300, 100], [620, 100], [620, 740], [300, 740], [300, 100]]
    outline = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [corners]}, "properties": {}}
    (tmp_path / "one.geojson").write_text(json.dumps(outline))
    (tmp_path / "two.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [outline]}))
    count(f"slides={slides}", f"region={tmp_path}", f"output={tmp_path}/out")
    half, whole = (read_csv(out / "slides.csv") for out in (tmp_path / "out", both))
    assert half["tissue_mm2"].tolist() == pytest.approx((whole["tissue_mm2"] / 2).tolist(), rel=0.1)
    found = pd.read_parquet(tmp_path / "out" / "one" / "detections.parquet")
    assert found["x"].between(300 - 32, 620).all()


def test_slides_of_a_data_set_that_were_trained_on_are_named(
    count: Count, home: Path, tried: Path, tmp_path: Path
) -> None:
    tissue = ["data=synthetic", "data.source.domains=[canine lymphoma,human melanoma]", "data.source.slides_per_domain=6",
              "data.source.cells_per_slide=12"]  # fmt: skip
    said = count(*tissue, f"output={tmp_path}/out")
    table = read_csv(tmp_path / "out" / "slides.csv")
    split = pd.read_parquet(next(tried.glob("*-linear_probe-*")) / "split.parquet")
    learned = set(split.loc[split["part"] != "test", "slide"]) - {"unused"}
    assert set(table.loc[table["trained_on"], "slide"]) <= learned
    assert table["trained_on"].nunique() == 2
    assert said.count("trained or chosen on samples of this slide") == table["trained_on"].sum()
    assert set(table["domain"]) == {"canine lymphoma", "human melanoma"}


def test_bad_input_is_one_clear_line(
    count: Count, slides: Path, region: Region, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"output={tmp_path}/out"
    write_tiff(tmp_path / "unknown.tif", region.image, mpp=None)
    assert "does not say its resolution" in refused(count, capsys, f"slides={tmp_path}/unknown.tif", out)
    write_tiff(tmp_path / "coarse.tif", region.image, mpp=0.5)
    assert "more than 20% apart" in refused(count, capsys, f"slides={tmp_path}/coarse.tif", out)
    ring = [[9e5, 9e5], [9e5 + 99, 9e5], [9e5, 9e5 + 99], [9e5, 9e5]]
    (tmp_path / "far.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    far = f"region={tmp_path}/far.geojson"
    assert "lies outside this image" in refused(count, capsys, f"slides={slides}/one.tif", far, out)
    assert "one region cannot be that of 2 slides" in refused(count, capsys, f"slides={slides}", far, out)
    (tmp_path / "none.geojson").write_text("{}")
    none = f"region={tmp_path}/none.geojson"
    assert "holds no polygon" in refused(count, capsys, f"slides={slides}/one.tif", none, out)
    assert "there is no such file" in refused(count, capsys, f"slides={slides}", "proposals=blob", out)
    (tmp_path / "empty").mkdir()
    assert "there is no slide here" in refused(count, capsys, f"slides={tmp_path}/empty", out)
    assert "give the slides" in refused(count, capsys, out)
    broken = bytearray((slides / "one.tif").read_bytes())
    with tifffile.TiffFile(slides / "one.tif") as file:
        start, length = file.pages.first.dataoffsets[8], file.pages.first.databytecounts[8]
    broken[start : start + length] = b"\xff" * length
    (tmp_path / "broken.tif").write_bytes(broken)
    assert "tile 1, 2" in refused(count, capsys, f"slides={tmp_path}/broken.tif", f"output={tmp_path}/other")


def test_what_is_missing_is_said_and_counted_as_nothing(count: Count, slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    write_tiff(folder / "glass.tif", np.full((600, 600, 3), 243, np.uint8))
    pink = np.full((600, 600, 3), (225, 160, 190), np.uint8)
    write_tiff(folder / "pink.tif", pink)
    data = bytearray((slides / "one.tif").read_bytes())
    with tifffile.TiffFile(slides / "one.tif") as file:
        counts = file.pages.first.tags["TileByteCounts"]
        data[counts.valueoffset + 8 * 4 : counts.valueoffset + 9 * 4] = bytes(4)
        assert counts.dtype == 4  # 4 bytes each
    (folder / "lacking.tif").write_bytes(data)
    said = count(f"slides={folder}", "threshold=0.999", f"output={tmp_path}/out")
    table = read_csv(tmp_path / "out" / "slides.csv").set_index("image")
    assert table.loc["glass.tif", "notes"].startswith("no tissue was found")
    assert pd.isna(table.loc["glass.tif", "mitotic_figures"])
    assert "glass.tif: no count" in said
    assert table.loc["pink.tif", ["mitotic_figures", "hotspot_count"]].tolist() == [0, 0]
    assert "no mitotic figure was found" in table.loc["pink.tif", "notes"]
    assert table.loc["pink.tif", "hotspot_high"] == pytest.approx(3.689, abs=1e-3)
    assert "1 of its 24 tiles hold nothing" in table.loc["lacking.tif", "notes"]
    features = json.loads((tmp_path / "out" / "pink" / "detections.geojson").read_text())["features"]
    assert features == []


def test_another_resolution_is_resampled_if_that_is_asked_for(
    both: Path, count: Count, slides: Path, tmp_path: Path
) -> None:
    pixels = tifffile.imread(slides / "one.tif")
    fine = np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1)
    write_tiff(tmp_path / "one.tif", fine, mpp=MPP / 2)
    said = count(f"slides={tmp_path}/one.tif", "other_resolution=true", f"output={tmp_path}/out")
    assert "resampled from 0.125 to 0.25 micrometre per px" in said
    fine_row, row = (read_csv(out / "slides.csv").iloc[0] for out in (tmp_path / "out", both))
    assert fine_row["tissue_mm2"] == pytest.approx(row["tissue_mm2"], rel=0.02)
    assert fine_row["mitotic_figures"] == pytest.approx(row["mitotic_figures"], rel=0.2)
