"""The Regions of AWS, as botocore knows them."""

from __future__ import annotations

import difflib

from scar.fdl.values.regions import known_regions


def find_region_error(region: str) -> str:
    """Return why a request cannot be for this Region; empty if it exists."""
    known = known_regions()
    if region in known:
        return ""
    similar = difflib.get_close_matches(region, known, n=len(known), cutoff=0.6)
    # Of equally similar ones the first in the alphabet: eu-central-1 rather than eu-central-2.
    nearest = sorted(similar, key=lambda name: (-_similarity(region, name), name))
    name = repr(region[:60]) if not region.isprintable() or not region else region[:60]
    return f"There is no Region {name}" + (f"; did you mean {nearest[0]}?" if nearest else ".")


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
