"""An IAM policy linter, with AWS's list of actions, has only findings that are explained here."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.compile import policies
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.compile.policies.scope import account_scope
from scar.aws.compile.policies.user_policy import user_policies as of_the_person
from scar.aws.model.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterable

ACCOUNT = Account("123456789012", "eu-west-1")
MOUNT = (
    ACCOUNT.arn("elasticfilesystem", "file-system/fs-1"),
    ACCOUNT.arn("elasticfilesystem", "access-point/fsap-1"),
)
FLOW = DataFlow(
    account=ACCOUNT,
    function="crop",
    inputs=(BucketFolder("photos", "in/"),),
    outputs=(BucketFolder("photos", "out/"),),
    queue="scar-1",
    in_vpc=True,
    kms_keys=(("photos", ACCOUNT.arn("kms", "key/11111111-1111-1111-1111-111111111111")),),
    failure_handler=ACCOUNT.arn("lambda", "function:scar-failure-handler"),
    file_systems=(MOUNT,),
    job_file_systems=(MOUNT,),
)
# Network interfaces have no ARN before Lambda creates them; Batch chooses its clusters' names.
NO_RESOURCE = "RESOURCE_STAR"
# EFS documents this condition with StringEquals.
AN_ARN_IS_A_TEXT = "MISMATCHED_TYPE_BUT_USABLE"
# SubmitJob is authorized by job definition and queue; the linter expects the job's ARN.
JOBS_HAVE_NO_NAME = "RESOURCE_MISMATCH"
# AWS's list has no tag actions of API Gateway; its errors name them, or else POST and PUT.
NOT_LISTED = ("Unknown action apigateway:TagResource", "Unknown action apigateway:UntagResource")
# S3 Files is newer than the linter.
A_NEW_SERVICE = "UNKNOWN_PREFIX"


def one_document(documents: Iterable[str]) -> str:
    """Return a document with the statements of all."""
    statements = [s for text in documents for s in json.loads(text)["Statement"]]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def findings(document: str) -> list[Any]:
    """Return the linter's findings; imported here, because it takes 30 MiB."""
    with warnings.catch_warnings():
        # The linter does not close its data files.
        warnings.simplefilter("ignore", ResourceWarning)
        import parliament
    return list(parliament.analyze_policy_string(document).findings)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("document", "explained"),
    [
        (
            one_document(of_the_person(account_scope(ACCOUNT))),
            {NO_RESOURCE, JOBS_HAVE_NO_NAME, A_NEW_SERVICE},
        ),
        (policies.lambda_role(FLOW), {NO_RESOURCE, AN_ARN_IS_A_TEXT, JOBS_HAVE_NO_NAME}),
        (policies.job_role(FLOW), {AN_ARN_IS_A_TEXT}),
        (
            policies.job_role(replace(FLOW, cluster=True)),
            {AN_ARN_IS_A_TEXT, JOBS_HAVE_NO_NAME},
        ),
        (policies.execution_role(ACCOUNT, "crop", "scar/crop"), set()),
        (policies.instance_role(ACCOUNT), {NO_RESOURCE}),
        (policies.failure_handler_role(ACCOUNT, "scar-failure-handler"), {JOBS_HAVE_NO_NAME}),
    ],
    ids=["person", "lambda", "job", "cluster", "execution", "instance", "failure-handler"],
)
def test_the_linter_finds_only_what_is_explained(document: str, explained: set[str]) -> None:
    found = findings(document)
    unexplained = [
        str(f)
        for f in found
        if f.issue not in explained and not any(text in str(f) for text in NOT_LISTED)
    ]
    assert unexplained == []
    assert explained <= {f.issue for f in found}


def test_the_linter_knows_an_action_that_does_not_exist() -> None:
    wrong = policies.job_role(FLOW).replace("s3:PutObject", "s3:PutObjekt")
    assert any(f.issue == "UNKNOWN_ACTION" for f in findings(wrong))
