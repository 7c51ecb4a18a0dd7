"""Functions and roles to deploy, and API calls that fail or return what moto cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.aws.deploy import deploy as deployment
from scar.aws.deploy.remove import RemovalOptions
from scar.fdl.model import BatchSpec, EnvironmentSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import new_function
from tests.fakes.moto_compat import api_response

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from tests.functional.aws.conftest import FakeImages

MODES = ("lambda", "lambda-batch", "batch")


def a_function(mode: str = "lambda", script: Path | None = None, name: str = "crop") -> Function:
    """Return a function that reads ``photos/<name>-in`` and writes ``photos/<name>-out``."""
    return new_function(
        name=name,
        image="busybox:1",
        init_script=script,
        execution_mode=ExecutionMode(mode),
        input=(StorageSpec(path=f"photos/{name}-in"),),
        output=(StorageSpec(path=f"photos/{name}-out"),),
        environment=EnvironmentSpec(Variables={"AB": "1"}),
        batch=BatchSpec() if mode != "lambda" else None,
    )


def grant_extra_policies(connection: AwsConnection, *roles: str) -> str:
    """Attach a managed policy and add an inline one to roles; return the former's ARN."""
    iam = connection.client("iam")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_policy(PolicyName="wide", PolicyDocument=document)["Policy"]["Arn"]
    for role in roles:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=document)
    return arn


def a_role(connection: AwsConnection, name: str, *services: str) -> str:
    """Create a role of the user whose trust policy names the services; return its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": [f"{service}.amazonaws.com" for service in services]},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    response = connection.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust)
    )
    return response["Role"]["Arn"]


def deploy(
    connection: AwsConnection,
    images: FakeImages,
    *functions: Function,
    disabled: Sequence[str] = (),
    refresh: bool = True,
) -> Plan:
    """Deploy the functions as ``scar init --refresh`` does; return the plan."""
    return deployment.init(
        functions, connection, lambda _: None, images=images, disabled=disabled, refresh=refresh
    )


def remove(connection: AwsConnection, *names: str, force: bool = False) -> str:
    """Remove functions as ``scar rm`` does; return the plan as text."""
    options = RemovalOptions(force=force)
    return str(deployment.remove(names, connection, lambda _: None, options))


def remaining_resources(connection: AwsConnection) -> dict[str, list[Any]]:
    """Return the resources in the account, by type, without those that AWS creates."""
    iam, batch = connection.client("iam"), connection.client("batch")
    resources: dict[str, list[Any]] = {
        "functions": [
            f["FunctionName"] for f in connection.client("lambda").list_functions()["Functions"]
        ],
        "roles": [r["RoleName"] for r in iam.list_roles(PathPrefix="/scar/")["Roles"]],
        "profiles": [
            p["InstanceProfileName"] for p in iam.list_instance_profiles()["InstanceProfiles"]
        ],
        "repositories": connection.client("ecr").describe_repositories()["repositories"],
        "logs": connection.client("logs").describe_log_groups()["logGroups"],
        "queues": batch.describe_job_queues()["jobQueues"],
        "environments": batch.describe_compute_environments()["computeEnvironments"],
        "definitions": batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"],
        "buckets": [
            b["Name"]
            for b in connection.client("s3").list_buckets()["Buckets"]
            if not b["Name"].startswith("scar-")
        ],
    }
    return {kind: items for kind, items in resources.items() if items}


def fail_next_call(
    connection: AwsConnection,
    service: str,
    operation: str,
    code: str = "AccessDenied",
    message: str = "denied by the test",
) -> None:
    """Make the next call of an operation fail with this error code."""
    client = connection.client(service)  # type: ignore[call-overload]
    event = f"before-call.{service}.{operation}"

    def fail(**_: object) -> None:
        client.meta.events.unregister(event, fail)
        raise client.exceptions.from_code(code)(
            {"Error": {"Code": code, "Message": message}}, operation
        )

    client.meta.events.register_first(event, fail)  # before other responses of a test


def reject_bucket_tags(connection: AwsConnection) -> None:
    """Make S3 reject tags in CreateBucket, as in some partitions."""
    client = connection.client("s3")

    def reject(params: dict[str, Any], **_: object) -> None:
        if b"<Tags>" in params["body"]:
            error: Any = {"Error": {"Code": "UnsupportedArgument", "Message": "unsupported"}}
            raise ClientError(error, "CreateBucket")

    client.meta.events.register("before-call.s3.CreateBucket", reject)


def simulate_running_job(connection: AwsConnection, function: str) -> list[str]:
    """Make Batch list one running job until it is terminated; return the ids that still run."""
    running = ["id-1"]
    events = connection.client("batch").meta.events

    def list_jobs(parsed: dict[str, Any], **_: object) -> None:
        arn = f"arn:aws:batch:eu-west-1:123456789012:job-definition/{function}:1"
        parsed["jobSummaryList"] = [
            {"jobId": job, "jobName": f"{function}-1", "jobDefinition": arn} for job in running
        ]

    def terminate(**_: object) -> tuple[object, dict[str, object]]:
        running.clear()
        return api_response()

    events.register("after-call.batch.ListJobs", list_jobs)
    events.register("before-call.batch.TerminateJob", terminate)  # type: ignore[arg-type]
    return running
