"""Image documents (manifests, configurations) as JSON, checked while they are read.

Composition passes on what it does not know, so documents stay JSON; these functions are the
only way into them, and each names the document when it is not what it should be.
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


def parse_json(data: bytes, what: str) -> Json:
    """Parse JSON; raise ImageError naming ``what``."""
    try:
        document: Json = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise document_error(what, f"not JSON ({error})") from error
    return document


def dump_json(document: Json) -> bytes:
    """Write compact sorted JSON: equal documents give equal bytes."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def expect_object(value: Json, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise document_error(what, "an object was expected")
    return value


def expect_list(value: Json, what: str) -> list[Json]:
    """Read a list; null, as Go writes an empty one, is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise document_error(what, "a list was expected")
    return value


def expect_text(value: Json, what: str) -> str:
    """Read a text; null is the empty text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise document_error(what, "a text was expected")
    return value


def expect_size(value: Json, what: str) -> int:
    """Read a number of bytes."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise document_error(what, "a size was expected")
    return value


def expect_texts(value: Json, what: str) -> tuple[str, ...]:
    """Read a list of texts; null is the empty list, one text a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(expect_text(item, what) for item in expect_list(value, what))


def document_error(what: str, fault: str) -> ImageError:
    """Build the error for a document that cannot be read."""
    return ImageError(
        f"The image's {what} cannot be read: {fault}.",
        remedy="Save the image again, for example with `docker save`.",
    )
