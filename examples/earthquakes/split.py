#!/usr/bin/python3
"""Split a GeoJSON earthquake catalogue into one file per region."""

import json
import os
from pathlib import Path

# The seismic networks of the catalogue by region.
REGIONS = {
    "california": {"ci", "nc", "nn"},
    "alaska": {"ak"},
    "caribbean": {"pr"},
    "northwest": {"uw", "mb"},
    "hawaii": {"hv"},
    "utah": {"uu"},
    "central-us": {"nm", "se"},
}


def region_of(network: str) -> str:
    return next((name for name, networks in REGIONS.items() if network in networks), "world")


catalogue = json.loads(Path(os.environ["INPUT_FILE_PATH"]).read_text())
parts: dict[str, list[object]] = {}
for feature in catalogue["features"]:
    parts.setdefault(region_of(feature["properties"]["net"]), []).append(feature)

for name, features in sorted(parts.items()):
    target = Path(os.environ["TMP_OUTPUT_DIR"], f"{name}.geojson")
    target.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    print(f"{name}: {len(features)} events")
