"""The one table of what scar asks of AWS with the permissions of whoever runs it. Pure.

Operations are named as the SDK names them. What IAM calls otherwise, and what AWS checks
besides, is from the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/), read November 2026.
``sts:GetCallerIdentity`` needs no permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a call is made on; ``person`` knows the ARNs.
On = Literal[
    "anything",
    "state bucket",
    "state objects",
    "buckets",
    "folders",
    "objects",
    "functions",
    "all functions",
    "log groups",
    "repositories",
    "roles",
    "identities",
    "instance profiles",
    "environments",
    "queues",
    "queue parts",
    "definitions",
    "jobs",
    "launch templates",
]
# When it is made: always, or only for functions that have such a part.
Part = Literal["always", "own roles", "batch", "instances", "templates", "vpc", "efs"]
PARTS: tuple[Part, ...] = ("always", "own roles", "batch", "instances", "templates", "vpc", "efs")


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations on the same things; ``also`` are actions that AWS checks besides."""

    on: On
    operations: tuple[str, ...]
    also: tuple[str, ...] = ()
    when: Part = "always"


GRANTS: tuple[Grant, ...] = (
    Grant(
        "anything",
        (
            "ecr:DescribeRepositories",
            "ecr:GetAccountSetting",
            "ecr:GetAuthorizationToken",
            "kms:DescribeKey",
            "lambda:GetAccountSettings",
            "lambda:ListFunctions",
            "logs:DescribeLogGroups",
        ),
    ),
    Grant(
        "state bucket",
        (
            "s3:CreateBucket",
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetPublicAccessBlock",
            "s3:HeadBucket",
            "s3:ListObjectsV2",
            "s3:PutBucketEncryption",
            "s3:PutBucketLifecycleConfiguration",
            "s3:PutPublicAccessBlock",
        ),
    ),
    Grant("state objects", ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")),
    Grant(
        "buckets",
        (
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:GetBucketEncryption",
            "s3:GetBucketLocation",
            "s3:GetBucketNotificationConfiguration",
            "s3:GetBucketTagging",
            "s3:HeadBucket",
            "s3:ListObjectsV2",
            "s3:PutBucketNotificationConfiguration",
            "s3:PutBucketTagging",
        ),
        # CreateBucket with tags.
        also=("s3:TagResource",),
    ),
    # An empty bucket's folders go with it; nothing else is ever deleted.
    Grant("folders", ("s3:DeleteObjects",)),
    Grant(
        "objects",
        (
            "s3:AbortMultipartUpload",
            "s3:CompleteMultipartUpload",
            "s3:CreateMultipartUpload",
            "s3:GetObject",
            "s3:HeadObject",
            "s3:PutObject",
            "s3:UploadPart",
        ),
    ),
    Grant(
        "functions",
        (
            "lambda:AddPermission",
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunction",
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetPolicy",
            "lambda:Invoke",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:RemovePermission",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ),
    ),
    Grant("all functions", ("lambda:ListTags",)),
    Grant(
        "log groups",
        (
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "logs:ListTagsForResource",
            "logs:PutRetentionPolicy",
        ),
        also=("logs:TagResource",),
    ),
    # Pushing is done over the registry's own API, which checks the actions of ``also``.
    Grant(
        "repositories",
        (
            "ecr:BatchDeleteImage",
            "ecr:CreateRepository",
            "ecr:DeleteRepository",
            "ecr:DescribeImages",
            "ecr:GetLifecyclePolicy",
            "ecr:GetRepositoryPolicy",
            "ecr:ListTagsForResource",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:TagResource",
        ),
        also=(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ),
    ),
    # What is not there yet has no path: IAM then judges its bare name.
    Grant("identities", ("iam:GetInstanceProfile", "iam:GetRole", "iam:SimulatePrincipalPolicy")),
    Grant("anything", ("iam:ListRoles",)),
    Grant(
        "roles",
        (
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePermissionsBoundary",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ),
        also=("iam:TagRole",),
        when="own roles",
    ),
    Grant(
        "anything",
        (
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:ListJobs",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
        ),
    ),
    Grant(
        "anything",
        (
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
            "service-quotas:GetServiceQuota",
        ),
        when="batch",
    ),
    Grant(
        "environments",
        (
            "batch:CreateComputeEnvironment",
            "batch:DeleteComputeEnvironment",
            "batch:UpdateComputeEnvironment",
        ),
        also=("batch:TagResource",),
        when="batch",
    ),
    Grant(
        "queues",
        ("batch:DeleteJobQueue",),
        also=("batch:TagResource",),
        when="batch",
    ),
    Grant("queue parts", ("batch:CreateJobQueue", "batch:UpdateJobQueue"), when="batch"),
    Grant(
        "definitions",
        ("batch:DeregisterJobDefinition", "batch:RegisterJobDefinition"),
        also=("batch:TagResource",),
        when="batch",
    ),
    Grant("jobs", ("batch:TerminateJob",), when="batch"),
    Grant(
        "instance profiles",
        (
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
        ),
        when="instances",
    ),
    Grant(
        "launch templates",
        ("ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate"),
        when="templates",
    ),
    # Lambda looks at what it is to connect a function to with the caller's permissions.
    Grant(
        "anything",
        (
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
        ),
        when="vpc",
    ),
    Grant("anything", (), also=("elasticfilesystem:DescribeMountTargets",), when="efs"),
)

# Operations whose permission has another name.
NAMED_OTHERWISE: Mapping[str, str] = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
    "service-quotas:GetServiceQuota": "servicequotas:GetServiceQuota",
}


def action(operation: str) -> str:
    """Return the permission that an operation needs."""
    return NAMED_OTHERWISE.get(operation, operation)


def operations() -> frozenset[str]:
    """Return every operation that scar calls with the user's credentials."""
    return frozenset(o for grant in GRANTS for o in grant.operations)
