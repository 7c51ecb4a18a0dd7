"""A linter of IAM policies, with AWS's own list of actions, finds nothing that is not explained."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from scar.aws.compile import policies
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.compile.policies.scope import account_scope
from scar.aws.compile.policies.user_policy import user_policies as of_the_person
from scar.aws.model.account import Account

ACCOUNT = Account("123456789012", "eu-west-1")
FLOW = DataFlow(
    account=ACCOUNT,
    function="crop",
    inputs=(BucketFolder("photos", "in/"),),
    outputs=(BucketFolder("photos", "out/"),),
    queue="scar-1",
    in_vpc=True,
    kms_keys=(("photos", ACCOUNT.arn("kms", "key/11111111-1111-1111-1111-111111111111")),),
    failure_handler=ACCOUNT.arn("lambda", "function:scar-delegate"),
    file_systems=(
        (
            ACCOUNT.arn("elasticfilesystem", "file-system/fs-1"),
            ACCOUNT.arn("elasticfilesystem", "access-point/fsap-1"),
        ),
    ),
)
# Interfaces do not exist before Lambda makes them; Batch makes up the names of its clusters.
NO_RESOURCE = "RESOURCE_STAR"
# EFS documents this condition with StringEquals.
AN_ARN_IS_A_TEXT = "MISMATCHED_TYPE_BUT_USABLE"
# SubmitJob is judged by definition and queue; that of the linter is the job's ARN, for its tags.
JOBS_HAVE_NO_NAME = "RESOURCE_MISMATCH"
# Records are deleted by age: that is what the lifecycle is for.
LIFECYCLE = "RESOURCE_POLICY_PRIVILEGE_ESCALATION"


def findings(document: str) -> list[Any]:
    """Lint; the linter takes 30 MiB, in the worker that runs these tests only."""
    with warnings.catch_warnings():
        # It leaves the files open that it reads its tables from.
        warnings.simplefilter("ignore", ResourceWarning)
        import parliament
    return list(parliament.analyze_policy_string(document).findings)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("document", "explained"),
    [
        (of_the_person(account_scope(ACCOUNT))[0], {LIFECYCLE, NO_RESOURCE}),
        (policies.lambda_role(FLOW), {NO_RESOURCE, AN_ARN_IS_A_TEXT, JOBS_HAVE_NO_NAME}),
        (policies.job_role(FLOW), {AN_ARN_IS_A_TEXT}),
        (policies.execution_role(ACCOUNT, "crop", "scar/crop"), set()),
        (policies.instance_role(ACCOUNT), {NO_RESOURCE}),
        (policies.failure_handler_role(ACCOUNT, "scar-delegate"), {JOBS_HAVE_NO_NAME}),
    ],
    ids=["person", "lambda", "job", "execution", "instance", "delegate"],
)
def test_the_linter_finds_only_what_is_explained(document: str, explained: set[str]) -> None:
    found = findings(document)
    unexplained = [str(f) for f in found if f.issue not in explained]
    assert unexplained == []
    assert explained <= {f.issue for f in found}


def test_the_linter_knows_an_action_that_does_not_exist() -> None:
    wrong = policies.job_role(FLOW).replace("s3:PutObject", "s3:PutObjekt")
    assert any(f.issue == "UNKNOWN_ACTION" for f in findings(wrong))
