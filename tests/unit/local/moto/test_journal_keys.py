"""Which resource a call changes, and which journal rows it makes redundant."""

from __future__ import annotations

import pytest

from scar.local.moto.calls import MotoCall
from scar.local.moto.journal_keys import function_name, journal_key, resource_path


def call(service: str, operation: str, **parameters: object) -> MotoCall:
    return MotoCall(service=service, operation=operation, region="r", parameters=parameters)


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
def test_names_and_arns_of_a_resource_have_one_owner(made: MotoCall, owner: str) -> None:
    assert resource_path(made) == owner


def test_a_put_and_what_takes_it_back_share_a_slot() -> None:
    put = journal_key(call("lambda", "AddPermission", FunctionName="f", StatementId="s"))
    undo = journal_key(call("lambda", "RemovePermission", FunctionName="f", StatementId="s"))
    other = journal_key(call("lambda", "AddPermission", FunctionName="f", StatementId="t"))
    assert put.slot == undo.slot != other.slot
    assert (put.is_undo, undo.is_undo) == (False, True)


def test_updates_of_other_fields_do_not_replace_each_other() -> None:
    one = journal_key(call("batch", "UpdateJobQueue", jobQueue="q", state="DISABLED"))
    two = journal_key(call("batch", "UpdateJobQueue", jobQueue="q", priority=1))
    assert one.slot != two.slot


def test_the_end_of_a_resource_is_known() -> None:
    assert journal_key(call("iam", "DeleteRole", RoleName="x")).is_deletion
    assert not journal_key(
        call("iam", "DeleteRolePolicy", RoleName="x", PolicyName="p")
    ).is_deletion


def test_registered_definitions_all_stay_because_revisions_count_up() -> None:
    assert journal_key(call("batch", "RegisterJobDefinition", jobDefinitionName="d")).slot == ""


@pytest.mark.parametrize(
    "text", ["f", "f:1", "1:function:f", "arn:aws:lambda:r:1:function:f:$LATEST"]
)
def test_functions_are_named_in_many_ways(text: str) -> None:
    assert function_name(text) == "f"
