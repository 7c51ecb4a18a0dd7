"""Direct requests raise the errors of the SDK, so that callers know and translate one kind.

The SDK is imported only when something fails.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from scar.aws.client.direct.checksums import ChecksumMismatchError
from scar.aws.client.direct.proxies import ProxyError
from scar.aws.client.errors import WAITED
from supervisor.aws.errors import (
    AwsErrorResponse,
    EndpointUnreachable,
    InvalidRequest,
    InvalidResponse,
    ResponseNotReceived,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.errors import AwsError

_SERVER_ERROR = 500


def to_sdk_error(
    error: AwsError, operation: str, url: str, waited: Mapping[str, object] | None = None
) -> Exception:
    """Return the error that the SDK's client would raise for this one.

    ``waited`` is what ``CallWaits`` says about an error that did not pass.
    """
    match error:
        case AwsErrorResponse():
            return _to_client_error(error, operation, waited)
        case EndpointUnreachable():
            return _to_connection_error(error.__cause__, url)
        case ResponseNotReceived():
            is_late = isinstance(error.__cause__, TimeoutError)
            kind = ReadTimeoutError if is_late else ConnectionClosedError
            return kind(endpoint_url=url, error=error.__cause__ or error)
        case _:
            return _to_other_error(error)


def _to_other_error(error: AwsError) -> Exception:
    match error:
        case InvalidRequest():
            return HTTPClientError(error=error.problem)
        case ChecksumMismatchError():
            return FlexibleChecksumError(error_msg=error.problem)
        case InvalidResponse():
            return ResponseParserError(error.problem)
        case _:
            return error


def _to_connection_error(cause: BaseException | None, url: str) -> Exception:
    if isinstance(cause, ProxyError):
        return ProxyConnectionError(proxy_url=cause.proxy, error=cause)
    reason = cause if isinstance(cause, Exception) else OSError("no reason is known")
    if isinstance(cause, TimeoutError):
        return ConnectTimeoutError(endpoint_url=url, error=reason)
    if isinstance(cause, ssl.SSLError):
        return SSLError(endpoint_url=url, error=reason)
    return EndpointConnectionError(endpoint_url=url, error=reason)


def _to_client_error(
    error: AwsErrorResponse, operation: str, waited: Mapping[str, object] | None
) -> ClientError:
    metadata: dict[str, object] = {"HTTPStatusCode": error.status, "HTTPHeaders": {}}
    if operation != "GetCallerIdentity":
        metadata["HostId"] = ""  # of all services only S3 has it (errors)
    if waited is not None:
        metadata[WAITED] = waited
    code, message = error.code, error.message
    if not code:  # a response to HEAD, or not one of AWS
        is_head = operation.startswith("Head")
        code = str(error.status if is_head or error.status > _SERVER_ERROR else _SERVER_ERROR)
        message = HTTPStatus(error.status).phrase if is_head else message
    details = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return ClientError(details, operation)  # type: ignore[arg-type]
