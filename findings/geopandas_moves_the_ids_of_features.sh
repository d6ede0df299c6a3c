#!/usr/bin/env bash
# GeoJSON that geopandas has read and written has no ids left: it moves the id of each feature among its properties, where
# QuPath and other programs that follow objects by their id do not look.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check geopandas==1.1.1 pyogrio==0.13.0
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import json
import sys

import geopandas

ID = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
feature = {
    "type": "Feature",
    "id": ID,
    "geometry": {"type": "Point", "coordinates": [10.5, 20.25]},
    "properties": {"objectType": "annotation"},
}
with open("a.geojson", "w") as file:
    json.dump({"type": "FeatureCollection", "features": [feature]}, file)
table = geopandas.read_file("a.geojson")
table.to_file("b.geojson", driver="GeoJSON")
table.to_file("c.geojson", driver="GeoJSON", ID_FIELD="id")
plain, asked = (json.load(open(name))["features"][0] for name in ("b.geojson", "c.geojson"))
print("geopandas", metadata.version("geopandas"), "pyogrio", metadata.version("pyogrio"))
print(f"expected: the id of the feature is {ID} after reading and writing")
print(f"seen:     id {plain.get('id')}, properties {plain['properties']}; with ID_FIELD='id': id {asked.get('id')}")
stated = "id" not in plain and plain["properties"].get("id") == ID and asked.get("id") == ID
sys.exit(None if stated else "no longer as stated")
PYTHON
