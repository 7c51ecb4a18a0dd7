"""Lists the objects of a bucket, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.direct.object_client import ObjectCall
from scar.aws.client.object_listing import ListingFormatError, parse_listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.object_listing import ObjectPage


def list_page(
    client: ObjectClient,
    bucket: str,
    prefix: str,
    *,
    delimiter: str = "",
    most: int = 0,
    token: str = "",
) -> ObjectPage:
    """Return one page, of at most ``most`` objects; the first, or that of the token.

    Raise the errors of the SDK, and ListingFormatError.
    """
    query = [("list-type", "2"), ("prefix", prefix), ("encoding-type", "url")]
    query += [("delimiter", delimiter)] if delimiter else []
    query += [("max-keys", str(most))] if most else []
    query += [("continuation-token", token)] if token else []
    call = ObjectCall(name="ListObjectsV2", method="GET", bucket=bucket, query=tuple(query))
    return parse_listing(client.send(call)[1], bucket)


def list_pages(client: ObjectClient, bucket: str, prefix: str) -> Iterator[ObjectPage]:
    """Yield all pages; raise the same errors."""
    token = ""
    while True:
        page = list_page(client, bucket, prefix, token=token)
        yield page
        if not page.next_token:
            return
        if page.next_token == token:
            raise ListingFormatError(bucket, "the token of the next page is that of the last one")
        token = page.next_token
