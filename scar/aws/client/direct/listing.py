"""Lists the objects of a bucket, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client.direct.object_client import ObjectCall, read_document
from scar.aws.client.object_listing import ListingFormatError, parse_listing
from supervisor.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.object_listing import ObjectPage
    from supervisor.aws.connection_pool import StreamedResponse


class _BrokenPageError(AwsError):
    """A page ends in the middle of its XML: as the SDK does, it is requested again."""


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

    def read(reply: StreamedResponse) -> ObjectPage:
        try:
            return parse_listing(read_document(reply), bucket)
        except ListingFormatError as error:
            if not isinstance(error.__cause__, SyntaxError):  # what XML's parser raises
                raise
            raise _BrokenPageError(error.problem, transient=True) from error

    try:
        return client.receive(call, read)
    except _BrokenPageError as error:
        raise error.__cause__ or error from None


def list_pages(client: ObjectClient, bucket: str, prefix: str) -> Iterator[ObjectPage]:
    """Yield all pages; raise the same errors, also if the pages begin again."""
    token = remembered = ""
    count, next_count = 0, 1
    while True:
        page = list_page(client, bucket, prefix, token=token)
        yield page
        token, count = page.next_token, count + 1
        if not token:
            return
        # Brent's algorithm: finds a cycle of any length with one token in memory.
        if token == remembered:
            raise ListingFormatError(bucket, "the pages begin again: their tokens are repeated")
        if count == next_count:
            remembered, next_count = token, 2 * count
