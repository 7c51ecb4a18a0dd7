"""The one table of what scar asks of AWS with the permissions of whoever runs it. Pure.

Operations are named as the SDK names them. What IAM calls otherwise, and what AWS checks
besides, is from the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/), read November 2026.
``sts:GetCallerIdentity`` needs no permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a call is made on; ``arns`` knows their ARNs.
GrantTarget = Literal[
    "anything",
    "state bucket",
    "buckets",
    "places of functions and folders",
    "functions",
    "log groups",
    "log groups by name",
    "repositories",
    "sources",
    "the delegate",
    "roles",
    "passed roles",
    "identities",
    "machines",
    "jobs",
    "launch templates",
]
# When it is made: always, or only for functions that have such a part.
Feature = Literal[
    "always", "own roles", "given roles", "batch", "instances", "templates", "network", "efs"
]
FEATURES: tuple[Feature, ...] = get_args(Feature)


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations on the same things; ``also`` are actions that AWS checks besides.

    Things of several kinds may stand together: each action is about its own kind only.
    """

    target: GrantTarget
    operations: tuple[str, ...]
    extra_actions: tuple[str, ...] = ()
    feature: Feature = "always"


GRANTS: tuple[Grant, ...] = (
    Grant(
        "anything",
        (
            # Repositories are found by their names' ends, and told from others' by their tags.
            "ecr:DescribeRepositories",
            "ecr:GetAccountSetting",
            "ecr:GetAuthorizationToken",
            "ecr:GetLifecyclePolicy",
            "ecr:GetRepositoryPolicy",
            "ecr:ListTagsForResource",
            "kms:DescribeKey",
            "lambda:GetAccountSettings",
            "lambda:ListFunctions",
            "lambda:ListTags",
            "logs:DescribeLogGroups",
        ),
    ),
    Grant(
        "state bucket",
        (
            "s3:CreateBucket",
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetObject",
            "s3:GetPublicAccessBlock",
            "s3:HeadBucket",
            "s3:ListObjectsV2",
            "s3:PutBucketEncryption",
            "s3:PutBucketLifecycleConfiguration",
            "s3:PutObject",
            "s3:PutPublicAccessBlock",
        ),
    ),
    Grant(
        "buckets",
        (
            "s3:AbortMultipartUpload",
            "s3:CompleteMultipartUpload",
            "s3:CreateBucket",
            "s3:CreateMultipartUpload",
            "s3:DeleteBucket",
            "s3:GetBucketEncryption",
            "s3:GetBucketNotificationConfiguration",
            "s3:GetBucketTagging",
            "s3:GetObject",
            "s3:HeadBucket",
            "s3:HeadObject",
            "s3:ListObjectsV2",
            "s3:PutBucketNotificationConfiguration",
            "s3:PutBucketTagging",
            "s3:PutObject",
            "s3:UploadPart",
        ),
        # CreateBucket with tags.
        extra_actions=("s3:TagResource",),
    ),
    # Where a function's runs go on goes with it, and folders with an empty bucket; nothing else
    # is ever deleted.
    Grant("places of functions and folders", ("s3:DeleteObject", "s3:DeleteObjects")),
    Grant(
        "functions",
        (
            "lambda:AddPermission",
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunction",
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
    Grant(
        "log groups",
        (
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "logs:PutRetentionPolicy",
        ),
        extra_actions=("logs:TagResource",),
    ),
    Grant("log groups by name", ("logs:ListTagsForResource",), extra_actions=("logs:TagResource",)),
    # Pushing is done over the registry's own API, which checks the actions of ``also``.
    Grant(
        "repositories",
        (
            "ecr:BatchDeleteImage",
            "ecr:CreateRepository",
            "ecr:DeleteRepository",
            "ecr:DescribeImages",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutLifecyclePolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:TagResource",
        ),
        extra_actions=(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ),
    ),
    # Images that functions are made of, and those that are used as they are.
    Grant("sources", (), extra_actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")),
    # The last function takes the delegate with it, whoever made that.
    Grant(
        "the delegate",
        (
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "lambda:GetFunction",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetPolicy",
            "logs:ListTagsForResource",
        ),
        feature="given roles",
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
        extra_actions=("iam:TagRole",),
        feature="own roles",
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
        feature="network",
    ),
    Grant("anything", (), extra_actions=("elasticfilesystem:DescribeMountTargets",), feature="efs"),
    Grant("anything", ("service-quotas:GetServiceQuota",), feature="batch"),
    Grant(
        "machines",
        (
            "batch:CreateComputeEnvironment",
            "batch:CreateJobQueue",
            "batch:DeleteComputeEnvironment",
            "batch:DeleteJobQueue",
            "batch:DeregisterJobDefinition",
            "batch:RegisterJobDefinition",
            "batch:UpdateComputeEnvironment",
            "batch:UpdateJobQueue",
        ),
        extra_actions=("batch:TagResource",),
        feature="batch",
    ),
    Grant("jobs", ("batch:TerminateJob",), feature="batch"),
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

# Operations whose permission has another name.
IAM_ACTION_NAMES: Mapping[str, str] = {
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


def iam_action(operation: str) -> str:
    """Return the permission that an operation needs."""
    return IAM_ACTION_NAMES.get(operation, operation)


def all_operations() -> frozenset[str]:
    """Return every operation that scar calls with the user's credentials."""
    return frozenset(o for grant in GRANTS for o in grant.operations)
