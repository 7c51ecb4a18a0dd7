"""The text of tags, for which all services have the same rules."""

import unicodedata

RESERVED = "aws:"
"""The prefix of keys that only AWS may set, in any case."""


def is_tag_text(text: str) -> bool:
    """Return whether a tag may contain this text: letters, digits, spaces and ``_.:/=+-@``."""
    return all(c in "_.:/=+-@" or unicodedata.category(c)[0] in "LZN" for c in text)
