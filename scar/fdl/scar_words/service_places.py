"""Refuse a service's Region or profile that is not the function's: all is in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.fdl.scar_words.scar_defaults import is_default
from scar.fdl.scar_words.table import WORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from scar.fdl.problems import Location

_KEYS = ("region", "boto_profile")
_NAMES = {"region": "Region", "boto_profile": "profile"}


def find_other_places(
    entry: Mapping[str, Any], regions: Collection[str]
) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each Region and profile that differs from the function's.

    ``regions`` are those of the command, if the file has none: ``--region``, the configuration. If
    nothing is known of the function's, SCAR's own values (us-east-1, default) are passed over.
    """
    spec = entry.get("lambda")
    own = spec if isinstance(spec, dict) else {}
    for service, key in ((at[0], at[1]) for at in WORDS if len(at) == 2 and at[1] in _KEYS):
        section = entry.get(str(service))
        value = section.get(key) if isinstance(section, dict) else None
        if service == "lambda" or not isinstance(value, str) or value == "":
            continue
        chosen = own.get(str(key))
        known = {chosen} if chosen else set(regions if key == "region" else ())
        # `default` is the profile of the command, whichever that is.
        if value in known or (key == "boto_profile" and value == "default"):
            continue
        if known or not is_default((service, key), value):
            yield (service, key), _describe(str(key), value, sorted(map(str, known)))


def _describe(key: str, value: str, known: list[str]) -> str:
    name = _NAMES[key]
    other = f"the function's {name} is {known[0]}" if known else f"the function names no {name}"
    return (
        f"{value!r} is not supported: {other}, and all of a function is in one place; remove this"
        f" key, or write `lambda.{key}: {value}`"
    )
