"""Check the names of AWS Regions, and suggest the Region that a misspelt name was meant to be."""

from __future__ import annotations

import functools
import re

# `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`: two words or more and a number.
_REGION = r"[a-z]{2,}(-[a-z]+)+-\d{1,2}"
# Names that need no look at the SDK's list: AWS adds Regions of this kind faster than the SDK.
_USUAL_REGION = re.compile(
    r"(af|ap|ca|cn|eu|il|me|mx|sa|us)-(north|south)?(north|south|east|west|central)-[1-9]"
)
_DIRECTION = re.compile(r"(.+)-((?:north|south)?(?:north|south|east|west|central))-[1-9]\d?")
_SIMILARITY = 0.8


def find_region_problem(region: str) -> str:
    """Return why this cannot be the name of a Region, with the nearest one; empty if it can.

    Names of other forms that are like no known one may be those of services that are not AWS.
    """
    if not region or _USUAL_REGION.fullmatch(region):
        return ""
    known = known_regions()
    if region in known or _may_be_new(region, known):
        return ""
    nearest = _nearest_region(region, known)
    is_other = re.fullmatch(r"[a-z0-9-]+", region) and not re.fullmatch(_REGION, region)
    if not nearest and is_other:
        return ""
    hint = f"; did you mean `{nearest}`?" if nearest else ", such as eu-west-1"
    new = " Update botocore if the Region is new." if _DIRECTION.fullmatch(region) else ""
    return f"{region!r} is not the name of an AWS Region{hint}{new}"


def _may_be_new(region: str, known: frozenset[str]) -> bool:
    """Return whether it is a Region of a known area, with any direction and number."""
    if not (name := _DIRECTION.fullmatch(region)):
        return False
    return name[1] in {other[1] for text in known if (other := _DIRECTION.fullmatch(text))}


def _nearest_region(text: str, known: frozenset[str]) -> str:
    """Return the Region whose name is most like the text; empty if there is none."""
    # Imported here: most commands run without an error.
    import difflib

    plain = re.sub(r"[^a-z0-9]+", "-", text.strip().lower()).strip("-")
    if plain in known or _may_be_new(plain, known):
        return plain
    similar = {name: difflib.SequenceMatcher(None, plain, name).ratio() for name in known}
    # Of equally similar ones the first in the alphabet: us-east-1 rather than us-east-2.
    nearest = min(similar, key=lambda name: (-similar[name], name))
    return nearest if similar[nearest] >= _SIMILARITY else ""


@functools.cache
def known_regions() -> frozenset[str]:
    """Return the Regions of AWS that botocore knows, of all partitions."""
    # Imported here: names of the usual kind need no list.
    import botocore.loaders

    partitions = botocore.loaders.create_loader().load_data("partitions")["partitions"]
    return frozenset(
        name
        for partition in partitions
        for name in partition["regions"]
        if not name.endswith("-global")
    )
