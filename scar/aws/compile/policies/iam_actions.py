"""The IAM actions of operations, where they have other names than the SDK's.

From the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/), read November 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Operations whose IAM action has another name, or is one of a group that is written as a pattern:
# with all names in full, the policy for one function exceeds the length of a managed policy.
IAM_ACTION_NAMES: Mapping[str, str] = {
    "apigatewayv2:CreateApi": "apigateway:POST",
    "apigatewayv2:CreateIntegration": "apigateway:POST",
    "apigatewayv2:CreateRoute": "apigateway:POST",
    "apigatewayv2:CreateStage": "apigateway:POST",
    "apigatewayv2:DeleteApi": "apigateway:DELETE",
    "apigatewayv2:DeleteCorsConfiguration": "apigateway:DELETE",
    "apigatewayv2:DeleteRoute": "apigateway:DELETE",
    "apigatewayv2:GetApis": "apigateway:GET",
    "apigatewayv2:GetIntegrations": "apigateway:GET",
    "apigatewayv2:GetRoutes": "apigateway:GET",
    "apigatewayv2:GetStages": "apigateway:GET",
    "apigatewayv2:TagResource": "apigateway:TagResource",
    "apigatewayv2:UntagResource": "apigateway:UntagResource",
    "apigatewayv2:UpdateApi": "apigateway:PATCH",
    "apigatewayv2:UpdateIntegration": "apigateway:PATCH",
    "apigatewayv2:UpdateRoute": "apigateway:PATCH",
    "apigatewayv2:UpdateStage": "apigateway:PATCH",
    "batch:CreateComputeEnvironment": "batch:*ComputeEnvironment",
    "batch:CreateJobQueue": "batch:*JobQueue",
    "batch:CreateSchedulingPolicy": "batch:*SchedulingPolicy",
    "batch:DeleteComputeEnvironment": "batch:*ComputeEnvironment",
    "batch:DeleteJobQueue": "batch:*JobQueue",
    "batch:DeleteSchedulingPolicy": "batch:*SchedulingPolicy",
    "batch:UpdateComputeEnvironment": "batch:*ComputeEnvironment",
    "batch:UpdateJobQueue": "batch:*JobQueue",
    "batch:UpdateSchedulingPolicy": "batch:*SchedulingPolicy",
    "efs:DescribeMountTargets": "elasticfilesystem:DescribeMountTargets",
    "lambda:DeleteFunctionEventInvokeConfig": "lambda:*FunctionEventInvokeConfig",
    "lambda:CreateFunctionUrlConfig": "lambda:*FunctionUrlConfig",
    "lambda:DeleteFunctionUrlConfig": "lambda:*FunctionUrlConfig",
    "lambda:GetFunctionUrlConfig": "lambda:*FunctionUrlConfig",
    "lambda:UpdateFunctionUrlConfig": "lambda:*FunctionUrlConfig",
    "lambda:CreateEventSourceMapping": "lambda:*EventSourceMapping",
    "lambda:DeleteEventSourceMapping": "lambda:*EventSourceMapping",
    "lambda:UpdateEventSourceMapping": "lambda:*EventSourceMapping",
    "lambda:GetFunctionEventInvokeConfig": "lambda:*FunctionEventInvokeConfig",
    "lambda:DeleteFunctionConcurrency": "lambda:*FunctionConcurrency",
    "lambda:GetFunctionRecursionConfig": "lambda:*FunctionRecursionConfig",
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:PutFunctionConcurrency": "lambda:*FunctionConcurrency",
    "lambda:PutFunctionEventInvokeConfig": "lambda:*FunctionEventInvokeConfig",
    "lambda:PutFunctionRecursionConfig": "lambda:*FunctionRecursionConfig",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    # And GetObject on the source.
    "s3:CopyObject": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:*LifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetPublicAccessBlock": "s3:*BucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:*LifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutPublicAccessBlock": "s3:*BucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
    "sqs:CreateQueue": "sqs:*Queue*",
    "sqs:DeleteQueue": "sqs:*Queue*",
    "sqs:GetQueueAttributes": "sqs:*Queue*",
    "sqs:GetQueueUrl": "sqs:*Queue*",
    "sqs:ListQueueTags": "sqs:*Queue*",
    "sqs:SetQueueAttributes": "sqs:*Queue*",
    "sqs:TagQueue": "sqs:*Queue*",
    "service-quotas:GetServiceQuota": "servicequotas:GetServiceQuota",
}


def iam_action(operation: str) -> str:
    """Return the IAM action that an operation needs, or the pattern that contains it."""
    return IAM_ACTION_NAMES.get(operation, operation)
