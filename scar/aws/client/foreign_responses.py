"""Recognize responses that are not AWS's: of proxies, and of the login pages of networks.

The SDK takes any response with status 200 for a success: an upload to a login page would count as
uploaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient
    from botocore.exceptions import ClientError
    from botocore.model import OperationModel

# Every response of AWS, and of services with AWS's APIs, has one of these headers:
# https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
# https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
_REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id", "x-amz-id-2")

_SHOWN = 100  # bytes of a foreign response in the error


def refuse_foreign_responses(client: BaseClient) -> None:
    """Make calls raise ResponseParserError if a success has no request id of AWS."""
    # Before the parser: for some of these bodies it raises a bare KeyError.
    client.meta.events.register("before-parse", _refuse_foreign_response)


def is_foreign_error(error: ClientError) -> bool:
    """Return whether the SDK made this error of a response that it could not parse."""
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    is_made = error.response.get("Error", {}).get("Code") == "500"
    return is_made and "HTTPHeaders" in metadata and not has_request_id(metadata["HTTPHeaders"])


def has_request_id(headers: Mapping[str, str]) -> bool:
    """Return whether the headers of a response, with any case of names, have an id of AWS."""
    return not {name.lower() for name in headers}.isdisjoint(_REQUEST_IDS)


def describe_foreign_response(operation: str, body: bytes) -> str:
    """Return what is wrong with a response without an id, and how it begins if it is a page."""
    # Pages only: a service's response may contain a token.
    is_page = body.lstrip()[:2].lower() in (b"<!", b"<h")
    begin = body[:_SHOWN].decode(errors="replace") if is_page else ""
    return f"the response to {operation} has no request id of AWS" + (
        f"; it begins with {begin!r}" if begin else ""
    )


def _refuse_foreign_response(
    operation_model: OperationModel, response_dict: Mapping[str, Any], **_: object
) -> None:
    if 200 <= response_dict["status_code"] < 300 and not has_request_id(response_dict["headers"]):
        from botocore.parsers import ResponseParserError

        body = response_dict.get("body", b"")  # a stream, if the response is an object
        shown = body if isinstance(body, bytes) else b""
        raise ResponseParserError(describe_foreign_response(operation_model.name, shown))
