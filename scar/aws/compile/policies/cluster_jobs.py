"""Statements for the jobs of a cluster, whose members submit and end jobs of their own function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import allow_statement
from scar.aws.compile.policies.patterns import literal_pattern
from scar.aws.model import names
from supervisor.config import function_config_key

if TYPE_CHECKING:
    from scar.aws.compile.policies.data_flow import DataFlow
    from scar.aws.compile.policies.document import PolicyStatement


def cluster_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow a job to be the manager of a cluster: to submit and end jobs of its own function.

    SubmitJob is checked for the job definition and for the queue. A job's ARN has an id that is
    not known before, so ending jobs is restricted by the tag that every job of a cluster has. A
    role that may tag its jobs may tag other jobs too, and end them then: AWS has no condition that
    only holds while a job is submitted (docs/security.md).
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
    """
    account, function = flow.account, flow.function
    definition = account.arn("batch", f"job-definition/{function}")
    queue = account.arn("batch", f"job-queue/{flow.queue}")
    jobs = account.arn("batch", "job/*")
    config = literal_pattern(function_config_key(function))
    files = literal_pattern(f"{flow.run_records.prefix}clusters/")
    return [
        allow_statement("batch:SubmitJob", Resource=[definition, f"{definition}:*", queue]),
        allow_statement(
            "batch:TagResource",
            Resource=jobs,
            Condition={"StringEquals": {f"aws:RequestTag/{names.FUNCTION_TAG}": function}},
        ),
        allow_statement(
            "batch:TerminateJob",
            Resource=jobs,
            Condition={"StringEquals": {f"aws:ResourceTag/{names.FUNCTION_TAG}": function}},
        ),
        # These cannot be restricted to a resource.
        allow_statement(
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:ListJobs",
            Resource="*",
        ),
        # The share and the priority of the function's jobs.
        allow_statement(
            "s3:GetObject", Resource=account.s3_arn(f"{flow.run_records.bucket}/{config}")
        ),
        # The private key of the cluster is deleted with it.
        allow_statement(
            "s3:DeleteObject", Resource=account.s3_arn(f"{flow.run_records.bucket}/{files}*")
        ),
    ]
