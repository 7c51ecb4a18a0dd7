#!/usr/bin/python3
"""Find clusters of related earthquakes in one region.

Each event is linked to the nearest earlier one in time, space and magnitude (Zaliapin and
Ben-Zion, 2013). Catalogues with shuffled times show how near two events are by chance. The
work grows with the square of the number of events.
"""

import csv
import json
import math
import os
import random
from pathlib import Path

SHUFFLES = int(os.environ.get("SHUFFLES", "150"))
FRACTAL_DIMENSION, B_VALUE = 1.6, 1.0


def nearest(events: list[tuple[float, float, float, float]]) -> list[tuple[float, int]]:
    """Return, for each event but the first, its proximity to its parent and the parent's index."""
    links = []
    for child, (time, x, y, _) in enumerate(events):
        best = (math.inf, -1)
        for parent in range(child):
            earlier, px, py, magnitude = events[parent]
            distance = math.hypot(x - px, y - py) + 0.1
            weight = FRACTAL_DIMENSION * math.log10(distance) - B_VALUE * magnitude
            proximity = math.log10(time - earlier + 1.0) + weight
            if proximity < best[0]:
                best = (proximity, parent)
        if child:
            links.append(best)
    return links


source = Path(os.environ["INPUT_FILE_PATH"])
with source.open(newline="") as file:
    rows = list(csv.DictReader(file))

events = []
for row in rows:
    latitude, longitude = float(row["latitude"]), float(row["longitude"])
    east = longitude * 111.2 * math.cos(math.radians(latitude))  # km on a local plane
    events.append((float(row["time"]), east, latitude * 111.2, float(row["magnitude"])))

rng = random.Random(source.stem)  # noqa: S311 - reproducible, not a secret
by_chance: list[float] = []
for _ in range(SHUFFLES):
    times = [event[0] for event in events]
    rng.shuffle(times)
    shuffled = sorted((time, *event[1:]) for time, event in zip(times, events, strict=True))
    by_chance += [proximity for proximity, _ in nearest(shuffled)]
by_chance.sort()
threshold = by_chance[len(by_chance) // 20] if by_chance else -math.inf  # 5 % by chance

family = list(range(len(events)))
for child, (proximity, parent) in enumerate(nearest(events), start=1):
    if proximity < threshold:
        family[child] = family[parent]
sizes = {root: family.count(root) for root in set(family)}
largest = max(sizes, key=lambda root: (sizes[root], -root))
result = {
    "region": source.stem,
    "earthquakes": len(events),
    "clustered": sum(size for size in sizes.values() if size > 1),
    "largest_cluster": {"events": sizes[largest], "begins_near": rows[largest]["place"]},
    "ran_in": os.environ["SCAR_SITE"],
}
Path(os.environ["TMP_OUTPUT_DIR"], f"{source.stem}.json").write_text(
    json.dumps(result, indent=1) + "\n"
)
print(json.dumps(result))
