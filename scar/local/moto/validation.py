"""AWS's validation rules (``scar.aws.requests.validator``) as API errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.validator import check
from scar.local.moto.endpoints.rules import find_endpoint_violation
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_violation(
    service: str, operation: str, parameters: Mapping[str, object]
) -> ApiError | None:
    """Return AWS's error for the first rule that the call violates, or None."""
    for violation in check(service, operation, parameters):
        return ApiError(code=violation.code, message=violation.message, status=violation.status)
    return find_endpoint_violation(service, operation, parameters)
