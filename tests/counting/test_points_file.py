"""Points of any detector, whatever wrote them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mitofm.counting.points_file import read_points
from mitofm.ground.errors import MitofmError

MPPS = {"in/a.svs": 0.25, "b.tif": 0.5}


@pytest.mark.parametrize("name", ["a", "a.svs", "in/a.svs"])
@pytest.mark.parametrize("ending", ["csv", "parquet", "geojson", "um.csv"])
def test_points_belong_to_the_image_they_name(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"points.{ending}"
    table = pd.DataFrame({"x": [10.0, 20.5, 7.0], "y": [1.0, 2.0, 3.0], "image": [name, name, "b.tif"]})
    if ending == "parquet":
        table.to_parquet(path)
    elif ending == "csv":
        table.rename(columns={"image": "filename"}).to_csv(path, index=False)
    elif ending == "um.csv":
        mpp = table["image"].map({name: 0.25, "b.tif": 0.5})
        scaled = {"Image": table["image"], "Centroid X µm": table["x"] * mpp, "Centroid Y µm": table["y"] * mpp}
        pd.DataFrame(scaled).to_csv(path, index=False)
    else:
        features = [
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [x, y]}, "properties": {"image": image}}
            for x, y, image in table.itertuples(index=False)
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = read_points(path, list(MPPS), MPPS)
    assert found["in/a.svs"].tolist() == [[10.0, 1.0], [20.5, 2.0]]
    assert found["b.tif"].tolist() == [[7.0, 3.0]]


def test_one_image_need_not_be_named_and_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("x,y\n1,2\n")
    assert read_points(tmp_path / "p.csv", ["b.tif"], MPPS)["b.tif"].tolist() == [[1.0, 2.0]]
    with pytest.raises(MitofmError, match="lacks the column"):
        read_points(tmp_path / "p.csv", list(MPPS), MPPS)
    (tmp_path / "q.csv").write_text("x,y,filename\n1,2,c.tif\n")
    with pytest.raises(MitofmError, match=r"'c.tif' is none of the 2 images"):
        read_points(tmp_path / "q.csv", list(MPPS), MPPS)
    pd.DataFrame({"x": [1.0]}).to_parquet(tmp_path / "r.parquet")
    with pytest.raises(MitofmError, match="columns x and y"):
        read_points(tmp_path / "r.parquet", list(MPPS), MPPS)
