"""The policies and trust policies of the roles that scar creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.cluster_jobs import cluster_statements
from scar.aws.compile.policies.data_access import data_statements
from scar.aws.compile.policies.document import allow_statement, policy_document
from scar.aws.compile.policies.file_systems import mount_statements
from scar.aws.compile.policies.secret_access import secret_statements
from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.compile.policies.data_flow import DataFlow
    from scar.aws.compile.policies.document import PolicyStatement
    from scar.aws.model.account import Account

PULL_ACTIONS = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_RECEIVE_MESSAGES = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
# What Lambda does with the function's role to attach it to a VPC. They cannot be restricted to a
# resource, since the network interface does not exist yet.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_NETWORK_INTERFACE_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
# The agent of ECS Exec in a container connects to Session Manager; the actions have no resources.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions
_SESSION_CHANNEL_ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
# Services that send `aws:SourceArn` and `aws:SourceAccount` when they assume a role. Lambda and EC2
# do not: a condition on these keys would deny them the role.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
_SOURCE_ARN_SERVICES = {"ecs-tasks": "ecs"}


def trust_policy(service: str, account: Account) -> str:
    """Allow a service (``lambda``, ``ecs-tasks``, ``ec2``) to assume the role, for this account."""
    parts: PolicyStatement = {"Principal": {"Service": account.service_principal(service)}}
    if source := _SOURCE_ARN_SERVICES.get(service):
        parts["Condition"] = {
            "ArnLike": {"aws:SourceArn": account.arn(source, "*")},
            "StringEquals": {"aws:SourceAccount": account.id},
        }
    return policy_document([allow_statement("sts:AssumeRole", **parts)])


def lambda_role(flow: DataFlow) -> str:
    """Allow what the supervisor and the script do in Lambda."""
    account = flow.account
    statements = [
        _allow_logs(account, names.lambda_log_group(flow.function)),
        *data_statements(flow),
        *secret_statements(flow),
    ]
    if flow.endpoint:
        from scar.aws.compile.policies.endpoint_grants import endpoint_statements

        statements += endpoint_statements(flow)
    if flow.queue:
        statements += [
            _allow_submission(flow),
            # To find out whether the job of an unfinished run has ended; the action cannot be
            # restricted to a resource.
            allow_statement("batch:DescribeJobs", Resource="*"),
        ]
    if flow.event_queue:
        statements.append(allow_to_receive(flow.event_queue))
    if flow.failure_handler:
        statements.append(allow_statement("lambda:InvokeFunction", Resource=flow.failure_handler))
    if flow.in_vpc:
        statements.append(allow_statement(*_NETWORK_INTERFACE_ACTIONS, Resource="*"))
    return policy_document([*statements, *mount_statements(flow.file_systems)])


def allow_to_receive(queue_arn: str) -> PolicyStatement:
    """Allow what Lambda's pollers do with a function's role."""
    return allow_statement(*_RECEIVE_MESSAGES, Resource=queue_arn)


def job_role(flow: DataFlow, *, execute_command: bool = False) -> str:
    """Allow what the supervisor, the script and the agent of ECS Exec do in a Batch job."""
    channels = [allow_statement(*_SESSION_CHANNEL_ACTIONS, Resource="*")] if execute_command else []
    mounts = mount_statements(flow.job_file_systems, flow.read_only_access_points)
    # DescribeJobs tells why the job's last attempt ended; it cannot be restricted to a resource.
    submission = (
        [_allow_submission(flow), allow_statement("batch:DescribeJobs", Resource="*")]
        if flow.resubmits
        else []
    )
    own = cluster_statements(flow) if flow.cluster else []
    if flow.endpoint:
        from scar.aws.compile.policies.endpoint_grants import job_endpoint_statements

        own += job_endpoint_statements(flow)
    return policy_document(
        [*data_statements(flow), *secret_statements(flow), *submission, *own, *mounts, *channels]
    )


def _allow_submission(flow: DataFlow) -> PolicyStatement:
    """Allow jobs of the function's own definition in its own queues."""
    definition = flow.account.arn("batch", f"job-definition/{flow.function}")
    queues = [
        flow.account.arn("batch", f"job-queue/{name}") for name in (flow.queue, *flow.other_queues)
    ]
    return allow_statement("batch:SubmitJob", Resource=[definition, f"{definition}:*", *queues])


def failure_handler_role(account: Account, function: str) -> str:
    """Allow the failure handler to record failed invocations and to submit their runs to Batch.

    It works for all functions of the account, so it is restricted by the prefixes of records and by
    the tag of scar's queues. Which run it works for is decided by its program, because all
    functions may invoke it: see ``supervisor.batch.run_evidence``.
    """
    state = names.state_bucket_name(account)
    return policy_document(
        [
            _allow_logs(account, names.lambda_log_group(function)),
            allow_statement(
                "s3:GetObject", "s3:PutObject", Resource=account.s3_arn(f"{state}/runs/*")
            ),
            allow_statement("s3:GetObject", Resource=account.s3_arn(f"{state}/functions/*")),
            *_submit_statements(account),
            allow_statement("batch:DescribeJobs", Resource="*"),
            # Functions may request any KMS key for their records (`lambda.sse`), and the handler is
            # the same for all of them: it may use keys for objects of the state bucket only.
            allow_statement(
                "kms:Decrypt",
                "kms:GenerateDataKey",
                Resource=account.arn("kms", "key/*"),
                Condition={
                    "StringEquals": {"kms:ViaService": f"s3.{account.region}.{account.domain}"},
                    "StringLike": {
                        "kms:EncryptionContext:aws:s3:arn": [
                            account.s3_arn(state),
                            account.s3_arn(f"{state}/*"),
                        ]
                    },
                },
            ),
            # To find out whether an input exists, whatever its bucket: names, no content, and only
            # requests with a prefix.
            allow_statement(
                "s3:ListBucket",
                Resource=account.s3_arn("*"),
                Condition={
                    "StringEquals": {"aws:ResourceAccount": account.id},
                    "StringLike": {"s3:prefix": "?*"},
                },
            ),
        ]
    )


def _submit_statements(account: Account) -> list[PolicyStatement]:
    """Allow jobs in scar's queues only.

    A tag of the job definition is evaluated only if a request names its revision; scar's name none,
    so that a job uses the latest.
    https://docs.aws.amazon.com/batch/latest/userguide/iam-example-restrict-job-submission-by-tags.html
    """
    return [
        allow_statement(
            "batch:SubmitJob",
            Resource=account.arn("batch", "job-queue/scar-*"),
            Condition={"StringEquals": {f"aws:ResourceTag/{names.MANAGED_TAG}": "true"}},
        ),
        allow_statement("batch:SubmitJob", Resource=account.arn("batch", "job-definition/*")),
    ]


def execution_role(account: Account, function: str, repository: str) -> str:
    """Allow Fargate to pull the function's image and to write its log."""
    return policy_document(
        [
            allow_statement("ecr:GetAuthorizationToken", Resource="*"),
            allow_statement(*PULL_ACTIONS, Resource=account.arn("ecr", f"repository/{repository}")),
            _allow_logs(account, names.batch_log_group(function)),
        ]
    )


def instance_role(account: Account) -> str:
    """Allow what the ECS agent does, on the instances of all of scar's compute environments."""
    return policy_document(
        [
            allow_statement(
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
                Resource="*",
            ),
            # Tags that Batch gives the cluster and the instances when they are registered, as in
            # AWS's policy AmazonEC2ContainerServiceforEC2Role.
            allow_statement(
                "ecs:TagResource",
                Resource="*",
                Condition={
                    "StringEquals": {
                        "ecs:CreateAction": ["CreateCluster", "RegisterContainerInstance"]
                    }
                },
            ),
            # Users choose the repositories' prefix, so scar's are recognized by their tag.
            allow_statement(
                *PULL_ACTIONS,
                Resource=account.arn("ecr", "repository/*"),
                Condition={"StringEquals": {f"aws:ResourceTag/{names.MANAGED_TAG}": "true"}},
            ),
            _allow_logs(account, names.batch_log_group("*")),
        ]
    )


def _allow_logs(account: Account, group: str) -> PolicyStatement:
    """Allow streams and events only: the group is created at deployment, with its retention."""
    return allow_statement(*_WRITE_LOGS, Resource=account.arn("logs", f"log-group:{group}:*"))
