"""What the caller is granted for functions whose runs continue in Batch."""

from __future__ import annotations

from scar.aws.compile.policies.grant import Grant

BATCH_GRANTS: tuple[Grant, ...] = (
    Grant("anything", ("service-quotas:GetServiceQuota",), feature="batch"),
    Grant(
        "batch resources",
        (
            "batch:CreateComputeEnvironment",
            "batch:CreateJobQueue",
            "batch:DeleteComputeEnvironment",
            "batch:DeleteJobQueue",
            "batch:DeregisterJobDefinition",
            "batch:RegisterJobDefinition",
            "batch:TagResource",
            "batch:UpdateComputeEnvironment",
            "batch:UpdateJobQueue",
        ),
        feature="batch",
    ),
    # `scar run --array` and `scar retry --failed` submit array jobs themselves, and `scar cluster`
    # the members. SubmitJob is checked for the job queue and the job definition: a statement of its
    # own would make the policy for all features too long for one document.
    Grant("batch resources", ("batch:SubmitJob",), feature="batch"),
    Grant(
        "anything",
        ("batch:DescribeSchedulingPolicies", "batch:ListSchedulingPolicies"),
        feature="shares",
    ),
    Grant(
        "batch resources",
        (
            "batch:CreateSchedulingPolicy",
            "batch:DeleteSchedulingPolicy",
            "batch:UpdateSchedulingPolicy",
        ),
        feature="shares",
    ),
    Grant("jobs", ("batch:TerminateJob",), feature="batch"),
    # The caller submits the jobs of a cluster with tags, and deletes its private key.
    Grant("tagged jobs", (), extra_actions=("batch:TagResource",), feature="clusters"),
    Grant("cluster files", ("s3:DeleteObject",), feature="clusters"),
    # `scar shell`
    Grant("tasks", ("ecs:DescribeTasks", "ecs:ExecuteCommand"), feature="shell"),
    # Functions whose events are gathered. Lambda's list of mappings cannot be restricted.
    Grant(
        "event queues",
        (
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListQueueTags",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
        ),
        feature="arrays",
    ),
    Grant(
        "event sources",
        (
            "lambda:CreateEventSourceMapping",
            "lambda:DeleteEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        ),
        feature="arrays",
    ),
    Grant("anything", ("lambda:ListEventSourceMappings",), feature="arrays"),
    Grant(
        "roles",
        (
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
        ),
        feature="instances",
    ),
    Grant(
        "launch templates",
        ("ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate"),
        feature="templates",
    ),
)
