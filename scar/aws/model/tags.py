"""Tags: the text that all services accept, and which of a resource's tags scar compares."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.resources import Pairs

RESERVED = "aws:"
"""The prefix of keys that only AWS may set, in any case."""
OWN_PREFIX = "scar:"


def is_tag_text(text: str) -> bool:
    """Return whether a tag may contain this text: letters, digits, spaces and ``_.:/=+-@``."""
    return all(c in "_.:/=+-@" or unicodedata.category(c)[0] in "LZN" for c in text)


def relevant_tags(found: Mapping[str, str], desired: Pairs) -> Pairs:
    """Return scar's tags and those with a desired key, sorted.

    Others are ignored: many organizations tag all resources automatically.
    """
    keys = dict(desired).keys()
    return tuple(sorted((k, v) for k, v in found.items() if k.startswith(OWN_PREFIX) or k in keys))


def users_tags(found: Mapping[str, str], desired: Pairs) -> Pairs:
    """Return the tags with a desired key, without scar's, sorted."""
    return others_tags(dict(relevant_tags(found, desired)))


def others_tags(found: Mapping[str, str]) -> Pairs:
    """Return all tags but scar's, sorted."""
    return tuple(sorted((k, v) for k, v in found.items() if not k.startswith(OWN_PREFIX)))


def changed_tags(observed: Pairs, desired: Pairs) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set and the keys of those to remove."""
    before, after = dict(observed), dict(desired)
    to_set = {key: value for key, value in after.items() if before.get(key) != value}
    return to_set, sorted(before.keys() - after.keys())
