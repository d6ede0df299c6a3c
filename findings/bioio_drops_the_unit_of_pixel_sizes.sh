#!/usr/bin/env bash
# OME-TIFF says the unit of its pixel sizes. BioIO hands out the bare number: 250 (nanometres) for what
# is 0.25 micrometres. Its docstring says that units are not handled, but it also has an attribute `unit`,
# and that is None although the unit was read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    bioio==3.6.0 bioio-ome-tiff==1.4.0 numpy==2.4.6 tifffile==2026.3.3
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import bioio_ome_tiff
import numpy as np
import tifffile
from bioio import BioImage

seen, units, recorded = {}, {}, {}
for unit, size in (("µm", 0.25), ("nm", 250.0), ("mm", 0.00025)):
    path = f"{len(seen)}.ome.tif"
    tifffile.imwrite(
        path, np.zeros((64, 96, 3), np.uint8), photometric="rgb",
        metadata={
            "axes": "YXS", "PhysicalSizeX": size, "PhysicalSizeXUnit": unit,
            "PhysicalSizeY": size, "PhysicalSizeYUnit": unit,
        },
    )
    image = BioImage(path, reader=bioio_ome_tiff.Reader)
    seen[unit] = image.physical_pixel_sizes.X
    units[unit] = image.dimension_properties.X.unit
    recorded[unit] = image.ome_metadata.images[0].pixels.physical_size_x_unit.value

print(f"bioio {metadata.version('bioio')}, bioio-ome-tiff {metadata.version('bioio-ome-tiff')}")
print("expected: one size for three spellings of 0.25 micrometres a pixel, or a unit beside the number")
print(f"seen:     unit in the file -> physical_pixel_sizes.X: {seen}")
print(f"          dimension_properties.X.unit: {units}; the unit was read, and is in ome_metadata: {recorded}")
stated = seen == {"µm": 0.25, "nm": 250.0, "mm": 0.00025} and not any(units.values())
sys.exit(None if stated and list(recorded) == list(recorded.values()) else "no longer as stated")
PYTHON
