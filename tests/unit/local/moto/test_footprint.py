"""Which resource a call changes, and what it makes superfluous in the journal."""

from __future__ import annotations

import pytest

from scar.local.moto.calls import Call
from scar.local.moto.journal_keys import footprint, function_name, owner_of


def call(service: str, operation: str, **parameters: object) -> Call:
    return Call(service=service, operation=operation, region="r", parameters=parameters)


@pytest.mark.parametrize(
    ("made", "owner"),
    [
        (call("lambda", "CreateFunction", FunctionName="f"), "lambda/r/function/f"),
        (
            call("lambda", "TagResource", Resource="arn:aws:lambda:r:1:function:f"),
            "lambda/r/function/f",
        ),
        (call("batch", "CreateJobQueue", jobQueueName="q"), "batch/r/job-queue/q"),
        (
            call("batch", "UpdateJobQueue", jobQueue="arn:aws:batch:r:1:job-queue/q"),
            "batch/r/job-queue/q",
        ),
        (
            call("batch", "TagResource", resourceArn="arn:aws:batch:r:1:job-definition/d:3"),
            "batch/r/job-definition/d",
        ),
        (call("batch", "DeregisterJobDefinition", jobDefinition="d:3"), "batch/r/job-definition/d"),
        (call("iam", "PutRolePolicy", RoleName="x", PolicyName="p"), "iam//role/x"),
        (call("logs", "CreateLogGroup", logGroupName="/aws/x"), "logs/r/log-group//aws/x"),
        (
            call("logs", "TagResource", resourceArn="arn:aws:logs:r:1:log-group:/aws/x"),
            "logs/r/log-group//aws/x",
        ),
        (call("ecr", "CreateRepository", repositoryName="scar/f"), "ecr/r/repository/scar/f"),
        (
            call("ecr", "TagResource", resourceArn="arn:aws:ecr:r:1:repository/scar/f"),
            "ecr/r/repository/scar/f",
        ),
        (call("sqs", "DeleteQueue", QueueUrl="http://h/1/q"), "sqs/r/queue/q"),
    ],
)
def test_names_and_arns_of_a_resource_have_one_owner(made: Call, owner: str) -> None:
    assert owner_of(made) == owner


def test_a_put_and_what_takes_it_back_share_a_slot() -> None:
    put = footprint(call("lambda", "AddPermission", FunctionName="f", StatementId="s"))
    undo = footprint(call("lambda", "RemovePermission", FunctionName="f", StatementId="s"))
    other = footprint(call("lambda", "AddPermission", FunctionName="f", StatementId="t"))
    assert put.slot == undo.slot != other.slot
    assert (put.undoes, undo.undoes) == (False, True)


def test_updates_of_other_fields_do_not_replace_each_other() -> None:
    one = footprint(call("batch", "UpdateJobQueue", jobQueue="q", state="DISABLED"))
    two = footprint(call("batch", "UpdateJobQueue", jobQueue="q", priority=1))
    assert one.slot != two.slot


def test_the_end_of_a_resource_is_known() -> None:
    assert footprint(call("iam", "DeleteRole", RoleName="x")).ends
    assert not footprint(call("iam", "DeleteRolePolicy", RoleName="x", PolicyName="p")).ends


def test_registered_definitions_all_stay_because_revisions_count_up() -> None:
    assert footprint(call("batch", "RegisterJobDefinition", jobDefinitionName="d")).slot == ""


@pytest.mark.parametrize(
    "text", ["f", "f:1", "1:function:f", "arn:aws:lambda:r:1:function:f:$LATEST"]
)
def test_functions_are_named_in_many_ways(text: str) -> None:
    assert function_name(text) == "f"
