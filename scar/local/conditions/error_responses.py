"""Refusals as HTTP responses: each service has its own format of errors."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.http.messages import Response
from scar.local.moto.error_responses import ApiError, render_error
from scar.local.s3.protocol import xml

if TYPE_CHECKING:
    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.faults import Refusal


def render_refusal(call: ApiCall, refusal: Refusal) -> Response:
    """Return the error in the protocol of the call's service."""
    if call.service == "s3":
        return _render_s3_refusal(call, refusal)
    response = render_error(
        call.service,
        ApiError(code=refusal.code, message=refusal.message, status=refusal.status),
    )
    if refusal.reason:
        document = {"Type": "User", "message": refusal.message, "Reason": refusal.reason}
        response = replace(response, body=json.dumps(document).encode())
    return response


def _render_s3_refusal(call: ApiCall, refusal: Refusal) -> Response:
    request_id = secrets.token_hex(8).upper()
    details = {"RequestId": request_id, "HostId": secrets.token_hex(16)}
    if refusal.code == "NoSuchBucket":
        details["BucketName"] = call.bucket
    is_head = call.operation.startswith("Head")  # its response has no body
    return Response(
        status=refusal.status,
        headers={
            "content-type": "application/xml",
            "x-amz-request-id": request_id,
            "server": "AmazonS3",
        },
        body=b"" if is_head else xml.encode_error_document(refusal.code, refusal.message, details),
    )
