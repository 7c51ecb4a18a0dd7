"""Refusals on the wire: botocore reads AWS's code from them, and knows what it may retry."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from scar.local.conditions import faults
from scar.local.conditions.api_call import ApiCall
from scar.local.conditions.error_responses import render_refusal
from scar.local.conditions.faults import Refusal

OPERATIONS = {
    "s3": "PutObject",
    "lambda": "CreateFunction",
    "batch": "SubmitJob",
    "iam": "CreateRole",
    "sts": "GetCallerIdentity",
    "ec2": "DescribeSubnets",
    "ecr": "CreateRepository",
    "logs": "FilterLogEvents",
    "sqs": "SendMessage",
    "sns": "Publish",
}


def parsed(service: str, refusal: Refusal) -> tuple[int, dict[str, str]]:
    """Return the status and the error as botocore reads them from the response."""
    call = ApiCall(service=service, operation=OPERATIONS[service], bucket="b", resource="b/k")
    response = render_refusal(call, refusal)
    model = botocore.session.get_session().get_service_model(service)
    parser = create_parser(model.resolved_protocol)
    output = model.operation_model(OPERATIONS[service]).output_shape
    assert output is not None
    document = parser.parse(
        {
            "status_code": response.status,
            "headers": dict(response.headers),
            "body": response.body,
        },
        output,
    )
    return response.status, document["Error"]


@pytest.mark.parametrize("service", OPERATIONS)
def test_sdks_recognise_throttling(service: str) -> None:
    refusal = faults.throttling_refusal(service, OPERATIONS[service])
    status, error = parsed(service, refusal)
    assert (status, error["Code"]) == (refusal.status, refusal.code)
    assert error["Message"] == refusal.message
    codes: Any = ThrottledRetryableChecker
    statuses: Any = TransientRetryableChecker
    assert (
        error["Code"] in codes._THROTTLED_ERROR_CODES or status in statuses._TRANSIENT_STATUS_CODES
    )


def test_lambda_says_that_the_caller_exceeded_its_rate() -> None:
    call = ApiCall(service="lambda", operation="CreateFunction")
    response = render_refusal(call, faults.throttling_refusal("lambda", "CreateFunction"))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["Reason"] == "CallerRateLimitExceeded"


@pytest.mark.parametrize("refusal", [faults.OPERATION_ABORTED, faults.INTERNAL_ERROR])
def test_s3_errors_are_s3_documents(refusal: Refusal) -> None:
    status, error = parsed("s3", refusal)
    assert (status, error["Code"], error["Message"]) == (
        refusal.status,
        refusal.code,
        refusal.message,
    )


def test_messages_are_escaped() -> None:
    for service in OPERATIONS:
        refusal = Refusal(code="C", message="a <b> & \"c\" 'd'")
        assert parsed(service, refusal)[1]["Message"] == refusal.message


def test_the_response_to_head_has_no_body() -> None:
    call = ApiCall(service="s3", operation="HeadObject", bucket="b", resource="b/k")
    assert render_refusal(call, faults.INTERNAL_ERROR).body == b""
