"""Reference data and the user's own policies in the roles of a function and of its jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile import policies
from scar.aws.compile.function_config import data_flow
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.export.properties import role as exported
from scar.aws.model.account import Account
from scar.aws.model.resources import BucketNotification, Role
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.validator import check
from scar.aws.validation.deployment_checks import check_resources
from scar.fdl.model import BatchSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function
from tests.fakes.iam_evaluation import IamRequest, Policy
from tests.key_texts import FOLDER

if TYPE_CHECKING:
    from scar.aws.model.function import Function

ACCOUNT = Account("123456789012", "eu-west-1")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
ARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"
DOCUMENT = '{"Version": "2012-10-17", "Statement": []}'
CROP = new_function(
    image="busybox:1",
    execution_mode=ExecutionMode.BATCH,
    batch=BatchSpec(),
    input=(StorageSpec(path="photos/in"),),
)


def roles(function: Function) -> dict[str, Role]:
    """Return the function's own roles by purpose."""
    found = [r for r in compile_with_placeholders([function], ACCOUNT) if isinstance(r, Role)]
    own = [r for r in found if r.name.startswith("crop-")]
    return {r.name.rpartition("-")[2]: r for r in own}


@given(st.from_regex(r"[a-z0-9]{3,8}", fullmatch=True), FOLDER)
def test_the_script_may_read_and_list_the_folder_and_nothing_beside_it(
    bucket: str, folder: str
) -> None:
    folder = folder.strip("/") or "x"
    function = changed(CROP, reads=(f"{bucket}/{folder}",))
    flow = data_flow(function, ACCOUNT, "scar-1")
    inside, beside = f"{folder}/genome.fa", f"{folder}-secret"
    arn = ACCOUNT.s3_arn(bucket)
    for text in (policies.lambda_role(flow), policies.job_role(flow)):
        policy = Policy.of(text)
        for action in ("s3:GetObject", "s3:GetObjectVersion"):
            assert policy.allowing(IamRequest(action, f"{arn}/{inside}"))
            assert not policy.allowing(IamRequest(action, f"{arn}/{beside}"))
        assert policy.allowing(IamRequest("s3:ListBucket", arn, {"s3:prefix": inside}))
        assert not policy.allowing(IamRequest("s3:ListBucket", arn, {"s3:prefix": beside}))
        assert not policy.allowing(IamRequest("s3:PutObject", f"{arn}/{inside}"))


def test_a_whole_bucket_can_be_read_and_starts_nothing() -> None:
    function = changed(CROP, reads=("genomes",))
    flow = data_flow(function, ACCOUNT, "scar-1")
    policy = Policy.of(policies.job_role(flow))
    assert policy.allowing(IamRequest("s3:GetObject", f"{ACCOUNT.s3_arn('genomes')}/any/key"))
    resources = compile_with_placeholders([function], ACCOUNT)
    assert {r.bucket for r in resources if isinstance(r, BucketNotification)} == {"photos"}
    assert function.buckets == ("photos",)
    assert function.read_buckets == ("genomes",)
    assert changed(CROP, reads=("photos/ref",)).read_buckets == ()


def test_the_key_of_a_bucket_in_another_region_is_used_there() -> None:
    function = changed(CROP, reads=("genomes/hg38",))
    flow = data_flow(function, ACCOUNT, "scar-1", {"genomes": KEY})
    policy = Policy.of(policies.job_role(flow))

    def allowed(action: str, region: str) -> bool:
        via = {"kms:viaservice": f"s3.{region}.amazonaws.com"}
        return bool(policy.allowing(IamRequest(action, KEY, via)))

    assert allowed("kms:Decrypt", "us-east-1")
    assert not allowed("kms:Decrypt", "eu-west-1")
    assert not allowed("kms:GenerateDataKey", "us-east-1")


def test_the_user_s_policies_are_those_of_the_function_and_of_its_jobs() -> None:
    function = replace(changed(CROP, policies=(ARN,)), inline_policies=(("scar-p", DOCUMENT),))
    found = roles(function)
    assert set(found) == {"lambda", "job"}
    for role in found.values():
        assert role.managed_policies == (ARN,)
        assert role.other_policies == (("scar-p", '{"Statement":[],"Version":"2012-10-17"}'),)
        properties = exported(role)
        assert properties["ManagedPolicyArns"] == [ARN]
        assert [p["PolicyName"] for p in properties["Policies"]] == ["scar", "scar-p"]
        assert not [v for _, o, p in creation_requests(role, "") for v in check("iam", o, p)]


def test_fargate_s_execution_role_does_not_get_them() -> None:
    batch = BatchSpec.model_validate({"compute_resources": {"type": "FARGATE"}})
    found = roles(changed(CROP, batch=batch, policies=(ARN,)))
    assert found["exec"].managed_policies == ()
    assert found["job"].managed_policies == (ARN,)


def test_inline_policies_that_are_too_long_together_are_refused() -> None:
    def problems(length: int) -> list[str]:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x" * length}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        function = replace(CROP, inline_policies=(("scar-p", text),))
        return list(check_resources(roles(function).values(), ACCOUNT.region))

    assert problems(6000) == []
    (problem, _) = problems(9900)
    assert "10,240 for all inline policies of a role" in problem
