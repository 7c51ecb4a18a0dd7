#!/usr/bin/python3
"""Convert one region's GeoJSON to a CSV table and a short summary."""

import csv
import json
import math
import os
from pathlib import Path

source = Path(os.environ["INPUT_FILE_PATH"])
outputs = Path(os.environ["TMP_OUTPUT_DIR"])

rows = []
for feature in json.loads(source.read_text())["features"]:
    event = feature["properties"]
    if event["type"] != "earthquake" or event["mag"] is None:
        continue  # blasts and explosions
    longitude, latitude, depth = feature["geometry"]["coordinates"]
    rows.append((event["time"] / 1000, latitude, longitude, depth, event["mag"], event["place"]))
rows.sort()

with (outputs / f"{source.stem}.csv").open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["time", "latitude", "longitude", "depth_km", "magnitude", "place"])
    table.writerows(rows)

magnitudes = sorted(row[4] for row in rows)
complete = magnitudes[len(magnitudes) // 2]  # a rough magnitude of completeness: the median
mean = sum(m for m in magnitudes if m >= complete) / sum(m >= complete for m in magnitudes)
strongest = max(rows, key=lambda row: row[4])
summary = {
    "region": source.stem,
    "earthquakes": len(rows),
    "strongest": {"magnitude": strongest[4], "place": strongest[5]},
    # Aki (1965): maximum likelihood of the Gutenberg-Richter b-value, bins of 0.1
    "b_value": round(math.log10(math.e) / (mean - (complete - 0.05)), 2),
}
(outputs / f"{source.stem}.summary.json").write_text(json.dumps(summary, indent=1) + "\n")
print(json.dumps(summary))
