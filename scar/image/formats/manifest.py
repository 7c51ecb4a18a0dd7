"""Reads and writes the JSON documents of images: manifests, indexes, configurations.

Composition copies fields that it does not know, so documents stay JSON. Values are only read with
the functions of this module, whose errors name the document.
"""

from __future__ import annotations

import json
from typing import TypeAlias

from scar.image.errors import ImageError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_MEDIA_TYPES = (OCI_INDEX, DOCKER_LIST)
MANIFEST_MEDIA_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)


def parse_json(data: bytes, label: str) -> Json:
    """Return the parsed JSON; raise ImageError, naming the document ``label``, if it is invalid."""
    try:
        document: Json = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise document_error(label, f"it is not JSON ({error})") from error
    return document


def dump_json(document: Json) -> bytes:
    """Return compact, sorted JSON: equal documents give equal bytes, so equal digests."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def expect_object(value: Json, label: str) -> JsonObject:
    if not isinstance(value, dict):
        raise document_error(label, "an object was expected")
    return value


def expect_list(value: Json, label: str) -> list[Json]:
    """Return the list; null, which Go writes for an empty list, gives an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise document_error(label, "a list was expected")
    return value


def expect_text(value: Json, label: str) -> str:
    """Return the string; null gives an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise document_error(label, "a string was expected")
    return value


def expect_size(value: Json, label: str) -> int:
    """Return the size in bytes."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise document_error(label, "a size was expected")
    return value


def expect_texts(value: Json, label: str) -> tuple[str, ...]:
    """Return the list of strings; null gives an empty list, a single string a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(expect_text(item, label) for item in expect_list(value, label))


def document_error(label: str, problem: str) -> ImageError:
    """Return the error for an invalid document."""
    return ImageError(
        f"The image's {label} cannot be read: {problem}.",
        remedy="Save the image again, for example with `docker save`.",
    )
