"""Read a part of an object with a Range header, from stores that may not know it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsErrorResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.aws.client import AwsResponse
    from supervisor.aws.request import AwsRequest

_RANGE_NOT_SATISFIABLE = 416


def read_byte_range(
    send: Callable[[AwsRequest], AwsResponse], request: AwsRequest, first: int, length: int
) -> bytes:
    """Return so many bytes from ``first`` on, fewer at the end; raise what ``send`` raises."""
    headers = {**request.headers, "range": f"bytes={first}-{first + length - 1}"}
    try:
        response = send(replace(request, headers=headers))
    except AwsErrorResponse as error:
        if error.status == _RANGE_NOT_SATISFIABLE:  # behind the end
            return b""
        raise
    # A store that does not know ranges, or one with an empty file, returns the whole object.
    start = first if response.status == 200 else 0
    return response.body[start : start + length]
