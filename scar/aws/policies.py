"""IAM documents generated from the data flow of a function. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.account import Account

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a bucket; the prefix ends with ``/`` or is empty for the whole bucket."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlow:
    """What one function reads and writes, and where it may hand runs to (names, empty: nowhere)."""

    account: Account
    function: str
    inputs: tuple[Place, ...] = ()
    outputs: tuple[Place, ...] = ()
    queue: str = ""

    @property
    def runs(self) -> Place:
        """Where the function's own records live."""
        return Place(names.state_bucket(self.account), f"runs/{self.function}/")


def canonical(document: object) -> str:
    """Write a document so that equal documents are equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def trust(service: str) -> str:
    """Let a service, such as ``lambda.amazonaws.com``, take the role."""
    return _document(
        [_statement("sts:AssumeRole", Principal={"Service": service})],
    )


def lambda_role(flow: DataFlow) -> str:
    """Allow what the supervisor and the script do in Lambda."""
    account = flow.account
    group = names.lambda_log_group(flow.function)
    statements = [_logs(account, group), *_data(flow)]
    if flow.queue:
        definition = account.arn("batch", f"job-definition/{flow.function}")
        statements.append(
            _statement(
                "batch:SubmitJob",
                Resource=[
                    definition,
                    f"{definition}:*",
                    account.arn("batch", f"job-queue/{flow.queue}"),
                ],
            )
        )
    return _document(statements)


def job_role(flow: DataFlow) -> str:
    """Allow what the supervisor and the script do in a Batch job."""
    return _document(_data(flow))


def execution_role(account: Account, function: str) -> str:
    """Allow Fargate to pull the function's image and to write its log."""
    return _document(
        [
            _statement("ecr:GetAuthorizationToken", Resource="*"),
            _statement(
                _PULL, Resource=account.arn("ecr", f"repository/{names.repository(function)}")
            ),
            _logs(account, names.batch_log_group(function)),
        ]
    )


def instance_role(account: Account) -> str:
    """Allow what the ECS agent on an instance of any compute environment of scar's does."""
    return _document(
        [
            _statement(
                (
                    "ec2:DescribeTags",
                    "ecr:GetAuthorizationToken",
                    "ecs:CreateCluster",
                    "ecs:DeregisterContainerInstance",
                    "ecs:DiscoverPollEndpoint",
                    "ecs:Poll",
                    "ecs:RegisterContainerInstance",
                    "ecs:StartTelemetrySession",
                    "ecs:Submit*",
                    "ecs:UpdateContainerInstancesState",
                ),
                Resource="*",
            ),
            _statement(_PULL, Resource=account.arn("ecr", "repository/scar/*")),
            _logs(account, names.batch_log_group("*")),
        ]
    )


def repository(account: Account) -> str:
    """Let Lambda, on behalf of this account, pull from the repository."""
    return _document(
        [
            {
                **_statement(
                    ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                    Principal={"Service": "lambda.amazonaws.com"},
                    Condition={"StringEquals": {"aws:SourceAccount": account.id}},
                ),
                "Sid": "LambdaPulls",
            }
        ]
    )


def _data(flow: DataFlow) -> list[dict[str, object]]:
    """Read inputs; read, write and tell absent from forbidden in outputs and own records."""
    account, written = flow.account, (*flow.outputs, flow.runs)
    statements = [
        _statement(
            ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
            Resource=_objects(account, written),
        ),
        # HEAD of an absent key answers 403 instead of 404 without it.
        _statement(
            "s3:ListBucket",
            Resource=sorted({account.s3_arn(p.bucket) for p in (*flow.inputs, *written)}),
        ),
    ]
    if flow.inputs:
        statements.insert(
            0,
            _statement(
                ("s3:GetObject", "s3:GetObjectVersion"), Resource=_objects(account, flow.inputs)
            ),
        )
    return statements


def _objects(account: Account, places: Iterable[Place]) -> list[str]:
    return sorted({account.s3_arn(f"{p.bucket}/{p.prefix}*") for p in places})


def _logs(account: Account, group: str) -> dict[str, object]:
    return _statement(_WRITE_LOGS, Resource=account.arn("logs", f"log-group:{group}:*"))


def _statement(action: str | tuple[str, ...], **parts: object) -> dict[str, object]:
    actions = action if isinstance(action, str) else sorted(action)
    return {"Effect": "Allow", "Action": actions, **parts}


def _document(statements: Iterable[Mapping[str, object]]) -> str:
    return canonical({"Version": "2012-10-17", "Statement": list(statements)})
