"""The SDK's errors in scar's own words."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from scar.errors import ConfigurationError, Refused, ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise what the SDK raises as a ScarError that says what was being done.

    ``doing`` completes "Cannot …". Credentials, Region and connection: ConfigurationError;
    an answer that says no: Refused.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise of(error, doing) from error


class NotOurs(Refused):
    """Something of the name that scar would use exists already, and scar did not make it."""


def code(error: ClientError) -> str:
    """Return AWS's error code, such as ``NoSuchBucket``; for a HEAD it is the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def of(error: BotoCoreError | ClientError, doing: str) -> ScarError:
    if isinstance(error, ClientError):
        return _refusal(error, doing)
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            remedy = "Run `aws configure`, set AWS_PROFILE, or use `scar --local`."
        case NoRegionError():
            remedy = "Set AWS_REGION or give --region."
        case ProfileNotFound():
            remedy = "See ~/.aws/config for the profiles there are."
        case EndpointConnectionError() | ConnectTimeoutError():
            remedy = "Check the network, the Region's name and the endpoint's address."
        case _:
            remedy = "Run the same command again; if it stays, run it with --debug."
    return ConfigurationError(f"Cannot {doing}: {error}", remedy=remedy)


def _refusal(error: ClientError, doing: str) -> ScarError:
    what = f"Cannot {doing}: {error.operation_name} answered {code(error)}: {message(error)}"
    if code(error) in _CREDENTIALS:
        return ConfigurationError(
            what, remedy="Renew or correct the credentials, then run the same command again."
        )
    if code(error) in _DENIED:
        return Refused(
            what, remedy=f"Ask for a policy that allows {error.operation_name} on this resource."
        )
    return Refused(what, remedy="Correct what the message names, then run the same command again.")
