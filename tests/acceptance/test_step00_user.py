"""Step 0: every command runs as a user with exactly the policy that scar prints for the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scar.aws.client.connection import client_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.deployment import Deployment
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(0)
NO_IAM = "the local cloud stores roles and policies but does not enforce them"


def test_a_role_has_the_printed_policy_and_no_other(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    deployment = deploy("printed", function("printed", "printed"))
    iam, role = run.target.client("iam"), deployment.role.rpartition("/")[2]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    stored = []
    for policy in attached:
        arn = policy["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        stored.append(document["Document"])
    assert sorted(map(json.dumps, stored)) == sorted(
        json.dumps(policy) for policy in deployment.printed_policies()
    )
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []


@pytest.mark.not_shown_here(NO_IAM)
def test_the_user_of_one_file_cannot_change_what_another_needs(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    deployment = deploy("narrow", function("narrow", "narrow"))
    client = client_of(run, deployment, "lambda")
    with pytest.raises(ClientError) as denied:
        client.delete_function(FunctionName=run.function_name("other"))
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


def client_of(run: AcceptanceRun, deployment: Deployment, service: Any) -> Any:  # noqa: ANN401
    """Return an SDK client with the credentials of the deployment's user."""
    environment = run.target.environment(deployment.role)
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_SESSION_TOKEN"],
        region_name=run.target.region,
    )
    return session.client(service, config=client_config())
