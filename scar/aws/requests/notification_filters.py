"""The encoding of key prefixes and suffixes in S3's notification filters.

S3 User Guide, "Configuring event notifications using object key name filtering": a space is ``+``,
and every special character is percent-encoded UTF-8. S3 accepts a filter with a raw special
character, but then it matches no object: https://github.com/aws/aws-cdk/pull/28012.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

# The characters that the user guide calls safe, other than letters and digits, and the slash.
_SAFE = "!-_.*'()/"
_ENCODED = re.compile(r"(?:[A-Za-z0-9!_.*'()/+-]|%[0-9A-Fa-f]{2})*")


def encode_filter(text: str) -> str:
    """Return the value of a filter rule for keys that start, or end, with the text."""
    # `quote` never encodes "~", which is not among S3's safe characters.
    return quote(text, safe=f"{_SAFE} ").replace(" ", "+").replace("~", "%7E")


def decode_filter(value: str) -> str:
    """Return the decoded text of a filter rule, whichever tool wrote it.

    All spellings of the encoding are read: ``%20`` for ``+``, hexadecimal digits in lower case,
    letters that need no encoding. Raw special characters are kept as they are.
    """
    try:
        return unquote(value.replace("+", " "), errors="strict")
    except UnicodeDecodeError:  # not UTF-8, like no key
        return value


def is_encoded(value: str) -> bool:
    """Return whether S3 matches the value with keys: it has no raw special character."""
    if not _ENCODED.fullmatch(value):
        return False
    try:
        unquote(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
