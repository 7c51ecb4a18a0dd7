"""Who may call an endpoint: the caller's signature and policies, the function's resource policy."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from scar.local.endpoints.events import Caller
from scar.local.http.auth import close_body, find_authorization
from scar.local.http.authentication_errors import AuthenticationError, AuthenticationErrorReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.local.http.auth import Authenticator
    from scar.local.http.messages import Request
    from scar.local.moto.endpoints.records import EndpointRecord
    from scar.local.moto.function_records import FunctionPermission

_INVOKE, _INVOKE_URL = "lambda:InvokeFunction", "lambda:InvokeFunctionUrl"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your"
    " AWS Secret Access Key and signing method. Consult the service documentation for details."
)
# With these, the caller's signature is wrong; a request without any gets the usual message.
_REASONS = {
    AuthenticationErrorReason.MISMATCH: _MISMATCH,
    AuthenticationErrorReason.BODY_HASH: _MISMATCH,
    AuthenticationErrorReason.UNKNOWN_KEY: "The security token included in the request is invalid.",
    AuthenticationErrorReason.SKEWED: "Signature expired: the time of the request differs from"
    " the server's by more than 15 minutes.",
    AuthenticationErrorReason.EXPIRED: "Signature expired: the validity of the signed URL is over.",
}


class CallerPolicies(Protocol):
    """What callers may do by their identity."""

    def role_of(self, access_key: str) -> str: ...
    def allow(self, access_key: str, action: str, resource: str) -> bool: ...


class ForbiddenCallError(Exception):
    """The caller may not call the endpoint; the text is the reason, or empty."""


@dataclass(frozen=True, slots=True)
class CallAuthorizer:
    """Verifies signatures with ``authenticator``, and asks ``policies``."""

    authenticator: Authenticator
    policies: CallerPolicies

    def authorize(self, request: Request, endpoint: EndpointRecord) -> tuple[Request, Caller]:
        """Return the request with its verified body, and its caller.

        Raise ForbiddenCallError, and AuthenticationError for a body that cannot be received.
        """
        service = "lambda" if endpoint.is_url else "execute-api"
        try:
            authorization = find_authorization(request)
            if (authorization.service, authorization.region) != (service, endpoint.region):
                raise ForbiddenCallError(
                    "Credential should be scoped to a valid Region and correct service:"
                    f" '{endpoint.region}', '{service}'."
                )
            verified = self.authenticator.verify_signature(request, authorization)
        except AuthenticationError as error:
            if error.reason in (
                AuthenticationErrorReason.TOO_LARGE,
                AuthenticationErrorReason.BUSY,
            ):
                raise
            raise ForbiddenCallError(_REASONS.get(error.reason, "")) from error
        key = verified.access_key
        if not all(
            self.policies.allow(key, *required) for required in _required(request, endpoint)
        ):
            close_body(verified.body)
            raise ForbiddenCallError
        return verified, self._describe_caller(key, endpoint.account)

    def _describe_caller(self, key: str, account: str) -> Caller:
        role = self.policies.role_of(key).rpartition("/")[2]
        arn = (
            f"arn:aws:sts::{account}:assumed-role/{role}/{role}"
            if role
            else f"arn:aws:iam::{account}:user/local"
        )
        return Caller(access_key=key, account=account, arn=arn, user_id=f"AIDA{key[4:]}")


def _required(request: Request, endpoint: EndpointRecord) -> Iterable[tuple[str, str]]:
    """Return the actions that a signed request needs, and their resources."""
    if endpoint.is_url:
        return ((_INVOKE_URL, endpoint.function), (_INVOKE, endpoint.function))
    api = f"arn:aws:execute-api:{endpoint.region}:{endpoint.account}:{endpoint.id}"
    path = request.path.removeprefix(f"/_api/{endpoint.id}").lstrip("/")
    return (("execute-api:Invoke", f"{api}/$default/{request.method}/{path}"),)


def permits_api(policy: Iterable[FunctionPermission], endpoint: EndpointRecord) -> bool:
    """Return whether a function's policy lets API Gateway invoke it for this API."""
    return any(
        permission.principal == "apigateway.amazonaws.com"
        and permission.action in (_INVOKE, "lambda:*")
        and permission.source_account in ("", endpoint.account)
        and _matches_arn(endpoint.permission_source, permission.source_arn or "*")
        for permission in policy
    )


def _matches_arn(arn: str, pattern: str) -> bool:
    # Only * and ? are special in AWS's patterns.
    return fnmatchcase(arn, pattern.replace("[", "[[]"))


def permits_everybody(policy: Iterable[FunctionPermission]) -> bool:
    """Return whether a function's policy lets everybody call its URL without a signature.

    Since October 2025 both actions are needed.
    """
    public = [p for p in policy if p.principal == "*" and not (p.source_arn or p.source_account)]
    by_url = any(p.action == _INVOKE_URL and p.url_auth_type in ("", "NONE") for p in public)
    by_function = any(p.action == _INVOKE and p.via_url in ("", "true") for p in public)
    return by_url and by_function
