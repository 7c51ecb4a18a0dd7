"""Errors of S3 and of the network that a client raises without sending a request."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client


def refuse(
    client: S3Client, operation: str, code: str, applies: Callable[[str], bool]
) -> list[str]:
    """Answer requests for some paths with an error; return the list of these, which grows."""
    paths: list[str] = []

    def respond(params: dict[str, Any], **_: object) -> tuple[object, dict[str, object]] | None:
        path = unquote(params["url_path"])
        if not applies(path):
            return None
        paths.append(path)
        rejection = {
            "Error": {"Code": code, "Message": "no"},
            "ResponseMetadata": {"HTTPStatusCode": 403},
        }
        return AWSResponse("", 403, HTTPHeaders(), None), rejection

    client.meta.events.register(f"before-call.s3.{operation}", respond)  # type: ignore[arg-type]
    return paths


@contextmanager
def failing(client: S3Client, operation: str, error: Exception) -> Iterator[None]:
    """Raise this error instead of sending the request."""

    def interrupt(**_: object) -> None:
        raise error

    client.meta.events.register(f"before-call.s3.{operation}", interrupt)
    yield
    client.meta.events.unregister(f"before-call.s3.{operation}", interrupt)
