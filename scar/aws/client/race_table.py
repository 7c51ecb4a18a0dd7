"""The table of races, used by every client (``call_waits``).

To wait for a further race, add a row; nothing else has to be changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.client.races import Race

if TYPE_CHECKING:
    from collections.abc import Iterable

_TERRAFORM = "source: hashicorp/terraform-provider-aws, internal/service/"


def find_race(service: str, operation: str, code: str, message: str) -> Race | None:
    """Return the row of the table for an error response, the first of several."""
    rows = (race for race in RACES if race.service == service)
    return next((race for race in rows if race.matches(operation, code, message)), None)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_FUNCTION_CHANGES = _words("CreateFunction UpdateFunctionCode UpdateFunctionConfiguration")
_INVALID_PARAMETER = _words("InvalidParameterValueException")

_LAMBDA_RACES: Iterable[Race] = (
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=_INVALID_PARAMETER,
        message=_pattern("cannot be assumed by Lambda"),
        caused_by="role",
        parameter="Role",
        state="Lambda cannot assume the new role yet",
        remedy="Add lambda.amazonaws.com to the role's trust policy, then run the same command"
        " again.",
        source=_TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=_INVALID_PARAMETER,
        message=_pattern("does not have permissions to call (Create|Describe)NetworkInterface"),
        caused_by="role",
        parameter="Role",
        state="the role's permission to create network interfaces is not active yet",
        remedy="Allow ec2:CreateNetworkInterface, ec2:DescribeNetworkInterfaces and"
        " ec2:DeleteNetworkInterface for the function's execution role, also in its permissions"
        " boundary and in service control policies, then run the same command again.",
        source=_TERRAFORM + "lambda/function.go; hashicorp/terraform#15067",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=_INVALID_PARAMETER | _words("KMSAccessDeniedException"),
        message=_pattern("CreateGrant"),
        caused_by="role",
        parameter="Role",
        state="the role's access to the KMS key is not active yet",
        remedy="Allow kms:CreateGrant and kms:Decrypt on the key for the caller and for the"
        " function's execution role, then run the same command again.",
        source=_TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=_INVALID_PARAMETER | _words("EC2ThrottledException"),
        message=_pattern("throttled by EC2", "rate limit.*EC2", "EC2.*rate limit"),
        state="EC2 throttles Lambda's requests for network interfaces",
        remedy="Run the same command again later, with fewer functions in a VPC at once.",
        source=_TERRAFORM + "lambda/function.go",
    ),
    Race(
        service="lambda",
        operations=_FUNCTION_CHANGES,
        codes=_INVALID_PARAMETER | _words("AccessDeniedException"),
        message=_pattern(r"does not have permission to access the (?:ECR|specified) image"),
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
        codes=_INVALID_PARAMETER,
        message=_pattern(
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
        operations=_words("PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"),
        codes=_INVALID_PARAMETER,
        message=_pattern("permissions to call (InvokeFunction|SendMessage|Publish|PutEvents)"),
        caused_by="role",
        state="the role's permission to invoke the on-failure destination is not active yet",
        remedy="Allow lambda:InvokeFunction on the destination for the function's execution role,"
        " then run the same command again.",
        source=_TERRAFORM + "lambda/function_event_invoke_config.go",
    ),
    Race(
        service="lambda",
        operations=_words("PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"),
        codes=_INVALID_PARAMETER,
        message=_pattern(r"destination ARN .* is invalid", "destination .* does not exist"),
        caused_by="function",
        parameter="DestinationConfig",
        state="Lambda does not see the on-failure destination yet",
        remedy="Check that the destination exists in this account and Region, then run the same"
        " command again.",
        source=_TERRAFORM + "lambda/function_event_invoke_config.go",
    ),
    Race(
        service="lambda",
        operations=_words(
            "AddPermission RemovePermission PutFunctionConcurrency DeleteFunctionConcurrency"
            " PutFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig"
            " PutFunctionRecursionConfig TagResource UntagResource"
        ),
        codes=_words("ResourceConflictException"),
        # Not "The statement id (…) provided already exists": that does not pass.
        message=_pattern("in progress", "currently in the following state", "is being updated"),
        state="Lambda is still finishing an earlier change of the function",
        remedy="Run the same command again once the function's last update has ended.",
        source=_TERRAFORM + "lambda/permission.go, function.go",
    ),
    Race(
        service="lambda",
        operations=_words(
            "AddPermission PutFunctionConcurrency PutFunctionEventInvokeConfig TagResource"
            " PutFunctionRecursionConfig"
        ),
        codes=_words("ResourceNotFoundException"),
        caused_by="function",
        only_after_change=True,
        state="Lambda does not see the new function yet",
        remedy="Run the same command again: another program may have deleted the function.",
        source=_TERRAFORM + "lambda/permission.go",
    ),
)

_EVENT_SOURCE_RACES: Iterable[Race] = (
    Race(
        service="lambda",
        operations=_words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=_INVALID_PARAMETER,
        message=_pattern("execution role does not have permissions", "cannot be assumed by Lambda"),
        caused_by="role",
        state="the role's permission to receive messages is not active yet",
        remedy="Allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the"
        " queue for the function's execution role, then run the same command again.",
        source=_TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="lambda",
        operations=_words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=_INVALID_PARAMETER,
        message=_pattern("NonExistentQueue", "queue .*does not exist"),
        caused_by="event-queue",
        parameter="EventSourceArn",
        only_after_change=True,
        state="Lambda does not see the new queue yet",
        remedy="Run the same command again: another program may have deleted the queue.",
        source="docs: SQS CreateQueue, a queue can be used after a second",
    ),
    Race(
        service="lambda",
        operations=_words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=_INVALID_PARAMETER,
        message=_pattern("visibility timeout: .* is less than Function timeout"),
        caused_by="event-queue",
        only_after_change=True,
        state="Lambda does not see the queue's new visibility timeout yet",
        remedy="Run the same command again: another program may have changed the queue.",
        source="docs: SQS SetQueueAttributes, changes can take up to 60 seconds",
    ),
    Race(
        service="lambda",
        operations=_words("CreateEventSourceMapping"),
        codes=_words("ResourceNotFoundException"),
        caused_by="function",
        only_after_change=True,
        state="Lambda does not see the new function yet",
        remedy="Run the same command again: another program may have deleted the function.",
        source=_TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="lambda",
        operations=_words("UpdateEventSourceMapping DeleteEventSourceMapping"),
        codes=_words("ResourceInUseException"),
        state="Lambda is still finishing an earlier change of the event source mapping",
        remedy="Run the same command again once it has ended.",
        source=_TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="sqs",
        operations=_words("CreateQueue"),
        codes=_words("QueueDeletedRecently AWS.SimpleQueueService.QueueDeletedRecently"),
        state="SQS has not freed the name of the queue yet, which was deleted less than 60 seconds"
        " ago",
        remedy="Run the same command again after a minute.",
        source="model: SQS, QueueDeletedRecently; " + _TERRAFORM + "sqs/queue.go",
    ),
    Race(
        service="sqs",
        operations=_words("GetQueueUrl GetQueueAttributes SetQueueAttributes TagQueue"),
        codes=_words("QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue"),
        caused_by="event-queue",
        only_after_change=True,
        state="SQS does not see the new queue yet",
        remedy="Run the same command again: another program may have deleted the queue.",
        source="docs: SQS CreateQueue, a queue can be used after a second",
    ),
)

_IAM_RACES: Iterable[Race] = (
    *(
        Race(
            service="iam",
            codes=_words("NoSuchEntity NoSuchEntityException"),
            # Not "The role policy with name … cannot be found".
            message=re.compile(rf"(?i)^(?!.*role policy).*\b{noun}\b"),
            caused_by=kind,
            parameter=parameter,
            only_after_change=True,
            state=f"IAM does not see the new {noun} everywhere yet",
            remedy=f"Run the same command again: another program may have deleted the {noun}.",
            source="docs: IAM, changes are not always immediately visible; "
            + _TERRAFORM
            + "iam/role.go",
        )
        for kind, noun, parameter in (
            ("role", "role", "RoleName"),
            ("instance-profile", "instance profile", "InstanceProfileName"),
        )
    ),
    Race(
        service="iam",
        codes=_words(
            "ConcurrentModification ConcurrentModificationException EntityTemporarilyUnmodifiable"
            " EntityTemporarilyUnmodifiableException"
        ),
        state="IAM is still finishing an earlier change",
        remedy="Run the same command again once no other program changes the same role.",
        source="model: IAM, ConcurrentModificationException; " + _TERRAFORM + "iam/role.go",
    ),
)

_S3_RACES: Iterable[Race] = (
    Race(
        service="s3",
        operations=_words("CreateBucket"),
        codes=_words("OperationAborted"),
        state="S3 has not freed the name of the bucket yet, which was deleted before, or another"
        " program is creating it (OperationAborted)",
        remedy="S3 frees the name of a deleted bucket after minutes, at times after one to two"
        " hours: run the same command again then, or use another bucket name.",
        source=_TERRAFORM + "s3/bucket.go; issues about buckets recreated after a deletion",
    ),
    Race(
        service="s3",
        excluded=_words("PutObject CompleteMultipartUpload CopyObject DeleteObject DeleteObjects"),
        codes=_words("OperationAborted"),
        state="S3 is still finishing an earlier change of the bucket (OperationAborted)",
        remedy="Run the same command again once no other program changes the bucket.",
        source="model: S3 error responses, OperationAborted; " + _TERRAFORM + "s3",
    ),
    Race(
        service="s3",
        excluded=_words("CreateBucket DeleteBucket"),
        codes=_words("NoSuchBucket"),
        caused_by="bucket",
        parameter="Bucket",
        only_after_change=True,
        state="S3 does not see the new bucket everywhere yet (NoSuchBucket)",
        remedy="Run the same command again: another program may have deleted the bucket.",
        source=_TERRAFORM + "s3",
    ),
    Race(
        service="s3",
        operations=_words("HeadBucket"),
        codes=_words("404"),  # a response to HEAD has no body, and therefore no other code
        caused_by="bucket",
        parameter="Bucket",
        only_after_change=True,
        state="S3 does not see the new bucket everywhere yet (404)",
        remedy="Run the same command again: another program may have deleted the bucket.",
        source=_TERRAFORM + "s3",
    ),
)

_OTHER_RACES: Iterable[Race] = (
    Race(
        service="logs",
        codes=_words("OperationAbortedException"),
        state="CloudWatch Logs is still finishing an earlier change of the log group",
        remedy="Run the same command again once no other program changes the log group.",
        source="model: CloudWatch Logs, OperationAbortedException; " + _TERRAFORM + "logs/group.go",
    ),
    Race(
        service="logs",
        operations=_words("PutRetentionPolicy DeleteRetentionPolicy TagResource"),
        codes=_words("ResourceNotFoundException"),
        caused_by="log-group",
        parameter="logGroupName",
        only_after_change=True,
        state="CloudWatch Logs does not see the new log group yet",
        remedy="Run the same command again: another program may have deleted the log group.",
        source="observed: read after write is not documented",
    ),
    Race(
        service="ecr",
        operations=_words(
            "SetRepositoryPolicy PutLifecyclePolicy PutImageScanningConfiguration"
            " TagResource ListTagsForResource"
        ),
        codes=_words("RepositoryNotFoundException"),
        caused_by="repository",
        parameter="repositoryName",
        only_after_change=True,
        state="ECR does not see the new repository yet",
        remedy="Run the same command again: another program may have deleted the repository.",
        source=_TERRAFORM + "ecr/repository.go",
    ),
)

_ENVIRONMENT_CHANGES = _words("CreateComputeEnvironment UpdateComputeEnvironment")
_QUEUE_CHANGES = _words("CreateJobQueue UpdateJobQueue")

_BATCH_RACES: Iterable[Race] = (
    Race(
        service="batch",
        operations=_ENVIRONMENT_CHANGES,
        codes=_words("ClientException"),
        message=_pattern(
            r"invalid (?:iam)?instance ?profile",
            r"invalid (?:iam )?instance ?(?:profile|role)",
            r"instance ?(?:profile|role).*(?:not found|does not exist|is invalid|not valid)",
        ),
        caused_by="instance-profile",
        state="Batch does not see the new instance profile yet",
        remedy="Check that the instance profile exists and has a role that EC2 can assume, then"
        " run the same command again.",
        source=_TERRAFORM + "batch/compute_environment.go; Netflix/metaflow-tools#9",
    ),
    Race(
        service="batch",
        operations=_ENVIRONMENT_CHANGES,
        codes=_words("ClientException"),
        # The permissions of a role. Those of the caller are an AccessDeniedException.
        message=_pattern(
            "unable to assume",
            "cannot be assumed",
            "not authorized to assume",
            "service.?linked role",
            "not authorized to perform: (?:ecs|ec2|autoscaling|iam:Get)",
        ),
        caused_by="role",
        state="Batch cannot use the new role yet",
        remedy="Check that Batch can assume its service role and that the role has the policy"
        " AWSBatchServiceRole, or omit batch.service_role; then run the same command again.",
        source="docs: Batch, troubleshooting INVALID compute environments; IAM is eventually"
        " consistent",
    ),
    Race(
        service="batch",
        operations=_QUEUE_CHANGES,
        codes=_words("ClientException"),
        message=_pattern(r"(?:is|are) not (?:in (?:a |the )?)?valid\b", "must be (?:in )?valid"),
        caused_by="compute-environment",
        state="the new compute environment is not VALID yet",
        remedy="`scar plan` shows the status of the compute environment and Batch's reason.",
        source="model: Batch, UpdateJobQueue.computeEnvironmentOrder: environments must be VALID",
    ),
    Race(
        service="batch",
        codes=_words("ClientException"),
        excluded=_words("SubmitJob"),
        message=_pattern("resource is being (?:modified|created|updated)"),
        state="Batch is still finishing an earlier change",
        remedy="Run the same command again once no other program changes the resource.",
        source=_TERRAFORM + "batch/compute_environment.go",
    ),
)

RACES: tuple[Race, ...] = (
    *_LAMBDA_RACES,
    *_EVENT_SOURCE_RACES,
    *_IAM_RACES,
    *_S3_RACES,
    *_OTHER_RACES,
    *_BATCH_RACES,
)
"""All rows; the first that matches an error decides."""
