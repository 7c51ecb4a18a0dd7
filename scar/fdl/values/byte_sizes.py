"""Sizes with a unit, such as ``5GB`` or ``30MiB``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from scar.aws.model import limits

# Decimal and binary units, as S3's console and the SI write them.
_UNITS = {"": 1} | {
    f"{prefix}{unit}": base**power
    for unit, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("KMGT", start=1)
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")
_LETTERS = "BKMGT"
_ANY_SIZE = re.compile(
    rf"([0-9]{{1,15}}(?:\.[0-9]{{1,9}})?) ?([{_LETTERS}])(?:i?B)?", re.IGNORECASE
)


def parse_byte_size(value: object) -> object:
    """Convert ``5GB`` (5 × 1000³) or ``5GiB`` (5 × 1024³) to bytes; a number is bytes already."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not match[2]:
        return value
    if match[2] not in _UNITS:
        units = ", ".join(filter(None, _UNITS))
        raise ValueError(f"{match[2]!r} is not a unit of size; the units are {units}")
    # Exact, and with any number of digits: a float has neither.
    size = Decimal(match[1]) * _UNITS[match[2]]
    if size > limits.S3_OBJECT.maximum:
        raise ValueError("is more than 50 TiB, the size of the largest object in S3")
    return int(size)


def size_in_unit(text: str, unit: str) -> int | None:
    """Return a size as a whole number of MB, MiB, GB or GiB; None if it is none.

    A unit is 1024 of the next smaller one, whichever way it is written: so it is in the limits of
    Lambda, Batch and EBS.
    """
    match = _ANY_SIZE.fullmatch(text.strip())
    if match is None or unit[:1] not in _LETTERS:
        return None
    power = _LETTERS.index(match[2].upper()) - _LETTERS.index(unit[0])
    size = Decimal(match[1]) * Decimal(1024) ** power
    return int(size) if size and size == int(size) else None


ByteSize = Annotated[
    int, BeforeValidator(parse_byte_size), WithJsonSchema({"type": ["integer", "string"]})
]
