"""Suggests the bucket or the folder that a misspelt location was meant to be.

Reads what the caller may read anyway, and only after nothing was found: a failure of the look-up is
no suggestion, never an error.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.errors import ScarError
from scar.spelling import nearest_name
from scar.transfer.errors import BucketNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.inventory.functions import FunctionSummary
    from scar.transfer.location import S3Location

_MAX_LEVELS = 5  # folders above a location that are listed, one request each
_MAX_SHOWN = 5


@contextmanager
def suggesting_buckets(
    location: S3Location, list_functions: Callable[[], Iterable[FunctionSummary]]
) -> Iterator[None]:
    """Add the nearest bucket of a function to a BucketNotFoundError that the block raises.

    Or the other store where an input has a bucket of this name.

    ``s3:ListAllMyBuckets`` would show all buckets, but the user of scar needs no such permission.
    """
    try:
        yield
    except BucketNotFoundError as error:
        try:
            functions = list(list_functions())
        except (ScarError, *errors.SDK_ERRORS, OSError):
            raise error from None
        others = (one for function in functions for one in function.other_inputs)
        for one in others:
            if one.bucket == location.bucket:
                raise BucketNotFoundError(one.bucket, other_store=one.provider) from error
        buckets = {b for function in functions for b in _buckets_of(function)}
        nearest = nearest_name(location.bucket, buckets - {location.bucket})
        if not nearest:
            raise
        meant = f"{nearest}/{location.path}" if location.path else nearest
        raise BucketNotFoundError(location.bucket, meant=meant) from error


def _buckets_of(function: FunctionSummary) -> set[str]:
    return {*function.buckets, *(folder.path.partition("/")[0] for folder in function.inputs)}


def suggest_folder(client: ObjectClient, location: S3Location) -> str:
    """Return the end of the sentence "There is nothing in …": what is there instead.

    ``; did you mean BUCKET/FOLDER?``, or ``. BUCKET has a/, b.`` with the content of the nearest
    folder above; empty if there is nothing, or if it cannot be listed.
    """
    parts = location.path.rstrip("/").split("/") if location.path.rstrip("/") else []
    for level in range(len(parts), max(0, len(parts) - _MAX_LEVELS), -1):
        parent = "".join(f"{part}/" for part in parts[: level - 1])
        try:
            names = _list_names(client, location.bucket, parent)
        except (*errors.SDK_ERRORS, OSError):
            return ""
        if names:
            return _describe(f"{location.bucket}/{parent}", parts[level - 1], names)
    return ""


def _list_names(client: ObjectClient, bucket: str, parent: str) -> list[str]:
    """Return the first names in a folder, those of folders with a slash at their end."""
    from scar.aws.client.direct.listing import list_page  # most uploads list nothing

    page = list_page(client, bucket, parent, delimiter="/")
    keys = [*page.prefixes, *(entry.key for entry in page.objects)]
    names = (key.removeprefix(parent) for key in keys)
    return sorted(name for name in names if name and name.isprintable())


def _describe(folder: str, word: str, names: list[str]) -> str:
    if nearest := nearest_name(word, {name.rstrip("/") for name in names} - {word}):
        return f"; did you mean {folder}{nearest}?"
    more = " and others" if len(names) > _MAX_SHOWN else ""
    return f". {folder.rstrip('/')} has {', '.join(names[:_MAX_SHOWN])}{more}."
