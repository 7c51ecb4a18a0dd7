"""The rules of AWS's own services (``scar.aws.requests.validator``), as refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.requests.validator import check
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_violation(
    service: str, operation: str, parameters: Mapping[str, object]
) -> ApiError | None:
    """Return AWS's first objection to a call, or None."""
    for violation in check(service, operation, parameters):
        return ApiError(code=violation.code, message=violation.message, status=violation.status)
    return None
