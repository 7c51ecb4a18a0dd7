"""The table of all operations that scar calls with the caller's permissions.

Operations have the SDK's names. Further actions that AWS checks are from the Service Authorization
Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/), read November 2026.
``sts:GetCallerIdentity`` needs no permission.
"""

from __future__ import annotations

from scar.aws.compile.policies.batch_grants import BATCH_GRANTS
from scar.aws.compile.policies.endpoint_grants import ENDPOINT_GRANTS
from scar.aws.compile.policies.grant import Grant

GRANTS: tuple[Grant, ...] = (
    *ENDPOINT_GRANTS,
    Grant(
        "anything",
        (
            # Repositories are found by the ends of their names and recognized by their tags.
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
            "s3:CopyObject",
            "s3:CreateBucket",
            "s3:GetBucketEncryption",
            "s3:GetBucketLifecycleConfiguration",
            "s3:GetBucketPolicy",
            "s3:GetObject",
            "s3:GetPublicAccessBlock",
            "s3:HeadBucket",
            "s3:ListObjectsV2",
            "s3:PutBucketEncryption",
            "s3:PutBucketLifecycleConfiguration",
            "s3:PutBucketPolicy",
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
    # Where deployed functions write, to find loops.
    Grant("records of functions", ("s3:GetObject",)),
    # Batch target records are deleted with their function, some records of runs when these are
    # cancelled or retried, and folder objects with an empty bucket; scar never deletes any other
    # object, but the files of clusters (below).
    Grant("records and folders", ("s3:DeleteObject", "s3:DeleteObjects")),
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
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetPolicy",
            "lambda:Invoke",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:PutFunctionRecursionConfig",
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
    Grant(
        "log groups by name",
        ("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource"),
    ),
    # Images are pushed over the registry's HTTP API, which checks the extra actions.
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
    # The users' images that functions are built from, and prebuilt ones.
    Grant(
        "source repositories", (), extra_actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    ),
    # The failure handler is deleted with the last function, also if that does not use it.
    Grant(
        "failure handler",
        (
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "lambda:GetFunction",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetPolicy",
            "logs:ListTagsForResource",
        ),
        feature="given roles",
    ),
    # IAM matches a role that does not exist by its name without its path.
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
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
        ),
        feature="own roles",
    ),
    Grant(
        "anything",
        (
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:GetJobQueueSnapshot",
            "batch:ListJobs",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
        ),
    ),
    # Lambda describes the subnets and file systems of a function with the caller's permissions.
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
    # Lambda describes the mount targets of its functions' file systems with these, too.
    Grant(
        "anything",
        ("ec2:DescribeNetworkInterfaces", "efs:DescribeMountTargets", "s3files:ListMountTargets"),
        feature="efs",
    ),
    # Whether secrets exist; neither operation returns a value. DescribeParameters has no resources.
    Grant("secrets", ("secretsmanager:DescribeSecret",), feature="secrets"),
    Grant("anything", ("ssm:DescribeParameters",), feature="secrets"),
    # The secrets of other stores. PutParameter with tags needs AddTagsToResource too.
    Grant(
        "stored secrets",
        (
            "ssm:DeleteParameter",
            "ssm:GetParameter",
            "ssm:PutParameter",
        ),
        extra_actions=("ssm:AddTagsToResource",),
        feature="stores",
    ),
    Grant("paths of stored secrets", ("ssm:GetParametersByPath",), feature="stores"),
    *BATCH_GRANTS,
)
