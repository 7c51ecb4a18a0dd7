"""Races of Lambda's functions."""

from __future__ import annotations

from scar.aws.client.races.race import INVALID_PARAMETER, TERRAFORM, Race, pattern, words

_FUNCTION_CHANGES = words("CreateFunction UpdateFunctionCode UpdateFunctionConfiguration")

LAMBDA_RACES: tuple[Race, ...] = (
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER,
        message=pattern("cannot be assumed by Lambda"),
        caused_by="role",
        parameter="Role",
        state="Lambda cannot assume the new role yet",
        remedy="Add lambda.amazonaws.com to the role's trust policy, then run the same command"
        " again.",
        source=TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER,
        message=pattern("does not have permissions to call (Create|Describe)NetworkInterface"),
        caused_by="role",
        parameter="Role",
        state="the role's permission to create network interfaces is not active yet",
        remedy="Allow ec2:CreateNetworkInterface, ec2:DescribeNetworkInterfaces and"
        " ec2:DeleteNetworkInterface for the function's execution role, also in its permissions"
        " boundary and in service control policies, then run the same command again.",
        source=TERRAFORM + "lambda/function.go; hashicorp/terraform#15067",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER | words("KMSAccessDeniedException"),
        message=pattern("CreateGrant"),
        caused_by="role",
        parameter="Role",
        state="the role's access to the KMS key is not active yet",
        remedy="Allow kms:CreateGrant and kms:Decrypt on the key for the caller and for the"
        " function's execution role, then run the same command again.",
        source=TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER | words("EC2ThrottledException"),
        message=pattern("throttled by EC2", "rate limit.*EC2", "EC2.*rate limit"),
        state="EC2 throttles Lambda's requests for network interfaces",
        remedy="Run the same command again later, with fewer functions in a VPC at once.",
        source=TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER | words("AccessDeniedException"),
        message=pattern(r"does not have permission to access the (?:ECR|specified) image"),
        caused_by="repository",
        parameter="ImageUri",
        state="the repository's policy for Lambda is not active yet",
        remedy="Allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer for lambda.amazonaws.com"
        " in the repository's policy, then run the same command again.",
        source="docs: Lambda, create a function from a container image; IAM and ECR policies are"
        " eventually consistent",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=INVALID_PARAMETER,
        message=pattern(
            r"source image .* (?:is not valid|does not exist|not found)",
            r"source image .* (?:cannot|could not|can't) be (?:read|found|accessed)",
            "image manifest .* not found",
        ),
        caused_by="repository",
        parameter="ImageUri",
        state="Lambda cannot read the new image yet",
        remedy="Check that the image exists in the repository and is for Linux and for the"
        " function's architecture, then run the same command again.",
        source="observed: issues about functions created right after the push of their image",
    ),
    Race(
        service="lambda",
        operations=words("PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"),
        codes=INVALID_PARAMETER,
        message=pattern("permissions to call (InvokeFunction|SendMessage|Publish|PutEvents)"),
        caused_by="role",
        state="the role's permission to invoke the on-failure destination is not active yet",
        remedy="Allow lambda:InvokeFunction on the destination for the function's execution role,"
        " then run the same command again.",
        source=TERRAFORM + "lambda/function_event_invoke_config.go",
    ),
    Race(
        service="lambda",
        operations=words("PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"),
        codes=INVALID_PARAMETER,
        message=pattern(r"destination ARN .* is invalid", "destination .* does not exist"),
        caused_by="function",
        parameter="DestinationConfig",
        state="Lambda does not see the on-failure destination yet",
        remedy="Check that the destination exists in this account and Region, then run the same"
        " command again.",
        source=TERRAFORM + "lambda/function_event_invoke_config.go",
    ),
    Race(
        service="lambda",
        operations=words(
            "AddPermission RemovePermission PutFunctionConcurrency DeleteFunctionConcurrency"
            " PutFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig"
            " PutFunctionRecursionConfig TagResource UntagResource"
        ),
        codes=words("ResourceConflictException"),
        # Not "The statement id (…) provided already exists": that does not pass.
        message=pattern("in progress", "currently in the following state", "is being updated"),
        state="Lambda is still finishing an earlier change of the function",
        remedy="Run the same command again once the function's last update has ended.",
        source=TERRAFORM + "lambda/permission.go, function.go",
    ),
    Race(
        service="lambda",
        operations=words(
            "AddPermission PutFunctionConcurrency PutFunctionEventInvokeConfig TagResource"
            " PutFunctionRecursionConfig"
        ),
        codes=words("ResourceNotFoundException"),
        caused_by="function",
        parameter="FunctionName",
        only_after_change=True,
        state="Lambda does not see the new function yet",
        remedy="Run the same command again: another program may have deleted the function.",
        source=TERRAFORM + "lambda/permission.go",
    ),
)
