"""Responses to requests whose service failed: a full disk, or an error of the local cloud."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scar.local.http.protocol_errors import ProtocolError, build_protocol_error, find_error_format
from scar.local.state.disk_space import is_disk_full

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.http.messages import Request, Response

LOG = logging.getLogger(__name__)


def describe_full_disk(folder: Path | None) -> str:
    """Return the message about a full disk; ``folder`` is the state folder, if known."""
    where = f": {folder}" if folder else ""
    return (
        f"The disk is full{where}. Nothing of this request was stored; free disk space, or set"
        " SCAR_LOCAL_HOME to a folder on another disk."
    )


def build_failure_response(
    request: Request, service: str, error: Exception, folder: Path | None
) -> Response:
    """Log the error; return 507 for a full disk, which clients do not retry, else 500."""
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    failure = (
        ProtocolError(status=507, code="InsufficientStorage", message=describe_full_disk(folder))
        if is_disk_full(error)
        else ProtocolError(
            status=500,
            code="InternalFailure",
            message="Internal error in the local cloud; see its log.",
        )
    )
    return build_protocol_error(failure, find_error_format(request, service))
