"""Requests are parsed into operation and parameters."""

from __future__ import annotations

import pytest

from scar.local.moto import calls
from scar.local.moto.calls import MotoRequest
from scar.local.moto.supported_operations import NOT_EMULATED, changes_state, check_operation


def sent(
    service: str, path: str = "/", method: str = "POST", body: str = "", **more: str
) -> MotoRequest:
    fields = {"query": "", "content_type": "", "target": "", **more}
    return MotoRequest(
        service=service,
        region="r",
        method=method,
        path=path,
        body=body.encode(),
        **fields,
    )


def test_lambda_paths_name_operation_and_function() -> None:
    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Af/configuration"
    call = calls.parse_call(sent("lambda", path, "PUT", '{"Timeout": 5}'))
    assert call.operation == "UpdateFunctionConfiguration"
    assert call.parameters == {"FunctionName": "arn:aws:lambda:r:1:function:f", "Timeout": 5}


def test_query_strings_are_parameters() -> None:
    call = calls.parse_call(
        sent("lambda", "/2015-03-31/functions/f", "DELETE", query="Qualifier=1")
    )
    assert (call.operation, call.text("Qualifier")) == ("DeleteFunction", "1")


def test_batch_tags_keep_the_slash_of_the_arn() -> None:
    call = calls.parse_call(
        sent("batch", "/v1/tags/arn%3Aaws%3Abatch%3Ar%3A1%3Ajob-queue%2Fq", "GET")
    )
    assert call.operation == "ListTagsForResource"
    assert call.text("resourceArn") == "arn:aws:batch:r:1:job-queue/q"


def test_forms_become_nested_parameters() -> None:
    body = "Action=TagRole&RoleName=x&Tags.member.1.Key=a&Tags.member.1.Value=b"
    call = calls.parse_call(sent("iam", body=body))
    assert call.operation == "TagRole"
    assert call.parameters["Tags"] == [{"Key": "a", "Value": "b"}]


def test_json_targets_name_the_operation() -> None:
    call = calls.parse_call(
        sent("logs", body='{"logGroupName": "g"}', target="Logs_20140328.CreateLogGroup")
    )
    assert (call.operation, call.text("logGroupName")) == ("CreateLogGroup", "g")


@pytest.mark.parametrize("body", ["[1]", "{", '"x"'])
def test_bodies_that_are_no_object_are_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        calls.parse_call(sent("logs", body=body, target="Logs.X"))


def test_unknown_paths_have_no_operation_and_are_refused() -> None:
    call = calls.parse_call(sent("batch", "/v1/nothing"))
    assert call.operation == ""
    assert check_operation(call) is not None


def test_reads_and_messages_are_not_journalled() -> None:
    read = calls.parse_call(sent("logs", body="{}", target="Logs_20140328.DescribeLogGroups"))
    message = calls.parse_call(sent("sqs", body="{}", target="AmazonSQS.SendMessage"))
    assert not changes_state(read)
    assert not changes_state(message)


def test_what_is_not_emulated_is_said_in_sentences() -> None:
    assert all(sentence.endswith(".") for sentence in NOT_EMULATED)
