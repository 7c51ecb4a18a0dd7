"""The resources of a deployed function, with the compute environment that it uses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.deploy.deploy import init
from scar.aws.inventory.function_resources import read_function_resources
from scar.aws.model import names
from scar.aws.model.resources import LambdaFunction
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, deploy, remove

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


def test_the_resources_of_a_deployed_function_are_listed(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function("lambda-batch"), a_function(name="other"))
    parts = read_function_resources("crop", connection)
    assert isinstance(parts[0], LambdaFunction)
    kinds = {part.kind for part in parts}
    assert {"role", "notification", "job-definition", "job-queue", "compute-environment"} <= kinds
    assert not any(part.function == "other" for part in parts)
    assert read_function_resources("absent", connection) == ()


def test_policies_of_the_user_are_attached_kept_and_detached(
    connection: AwsConnection, images: FakeImages
) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = connection.client("iam")
    arn = iam.create_policy(PolicyName="mine", PolicyDocument=document)["Policy"]["Arn"]
    plain = a_function("batch")
    function = replace(changed(plain, policies=(arn,)), inline_policies=(("scar-p", document),))
    role = names.role_name("crop", connection.account.region, "job")

    def policies() -> tuple[list[str], list[str]]:
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return [p.get("PolicyArn", "") for p in attached], sorted(inline)

    deploy(connection, images, function)
    assert policies() == ([arn], ["scar", "scar-p"])
    assert str(deploy(connection, images, function)) == "Nothing to change."
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    assert "managed_policies: + " in str(deploy(connection, images, function))
    assert policies() == ([arn], ["scar", "scar-p"])
    deploy(connection, images, plain)
    assert policies() == ([], ["scar"])
    deploy(connection, images, function)
    remove(connection, "crop", force=True)
    assert not [r for r in iam.list_roles()["Roles"] if r["RoleName"] == role]


def test_a_disabled_function_loses_what_starts_and_runs_it_and_keeps_its_data(
    connection: AwsConnection, images: FakeImages
) -> None:
    other = a_function("batch", name="other")
    deploy(connection, images, a_function("batch"), other)
    s3 = connection.client("s3")
    s3.put_object(Bucket="photos", Key="crop-out/made", Body=b"1")

    def init_disabled(*, dry_run: bool = False) -> str:
        return str(
            init(
                [other],
                connection,
                lambda _: None,
                images=images,
                disabled=["crop"],
                dry_run=dry_run,
            )
        )

    plan = init_disabled(dry_run=True)
    for line in ("- function crop", "- job-definition crop", "- notification photos/"):
        assert line in plan
    assert "bucket" not in plan
    assert "log-group" not in plan
    assert "other" not in plan
    init_disabled()
    functions = connection.client("lambda").list_functions()["Functions"]
    assert {f["FunctionName"] for f in functions} == {"other", "scar-failure-handler"}
    assert s3.get_object(Bucket="photos", Key="crop-out/made")["Body"].read() == b"1"
    groups = connection.client("logs").describe_log_groups()["logGroups"]
    assert {"/aws/lambda/crop", "/aws/batch/crop"} <= {g.get("logGroupName") for g in groups}
    assert init_disabled(dry_run=True) == "Nothing to change."
    deploy(connection, images, a_function("batch"), other)
    assert init_disabled(dry_run=True) == plan
    remove(connection, "crop", "other", force=True)
