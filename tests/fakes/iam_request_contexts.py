"""What IAM is asked when an operation of the SDK is called.

Written from the Service Authorization Reference, not from the product's own table:
https://docs.aws.amazon.com/service-authorization/latest/reference/ (read November 2026)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.iam_evaluation import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Parameters = Mapping[str, Any]

_HERE = "arn:aws:{}:eu-west-1:123456789012:{}"
_IAM = "arn:aws:iam::123456789012:{}"
_SERVICE_LINKED = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
_S3_NAMES = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}


def asked(service: str, operation: str, given: Parameters) -> Iterator[Request]:
    """Yield all that must be allowed; raise KeyError for a service nobody described."""
    yield from _OF[service](operation, given)


def _s3(operation: str, given: Parameters) -> Iterator[Request]:
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    if operation == "DeleteObjects":
        for item in given["Delete"]["Objects"]:
            yield Request("s3:DeleteObject", f"{bucket}/{item['Key']}")
        return
    action = _S3_NAMES.get(operation, operation)
    if operation == "GetObject" and "VersionId" in given:
        action = "GetObjectVersion"
    context = {"s3:prefix": given["Prefix"]} if "Prefix" in given else {}
    where = f"{bucket}/{given['Key']}" if "Key" in given else bucket
    yield Request(f"s3:{action}", where, context)
    if given.get("CreateBucketConfiguration", {}).get("Tags"):
        yield Request("s3:TagResource", bucket)


def _lambda(operation: str, given: Parameters) -> Iterator[Request]:
    name = given.get("FunctionName") or given.get("Resource", "").rpartition(":")[2]
    arn = _HERE.format("lambda", f"function:{name}")
    everywhere = operation in ("ListFunctions", "GetAccountSettings")
    action = {"Invoke": "InvokeFunction"}.get(operation, operation)
    yield Request(f"lambda:{action}", "*" if everywhere else arn)
    if operation == "CreateFunction" and given.get("Tags"):
        yield Request("lambda:TagResource", arn)
    if role := given.get("Role"):
        yield _passing(role, "lambda.amazonaws.com")
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    if given.get("VpcConfig"):
        for what in ("SecurityGroups", "Subnets", "Vpcs"):
            yield Request(f"ec2:Describe{what}", "*")
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
    if given.get("FileSystemConfigs"):
        yield Request("elasticfilesystem:DescribeMountTargets", "*")


def _iam(operation: str, given: Parameters) -> Iterator[Request]:
    role = _IAM.format(f"role/scar/{given.get('RoleName')}")
    profile = _IAM.format(f"instance-profile/scar/{given.get('InstanceProfileName')}")
    boundary = given.get("PermissionsBoundary")
    context = {"iam:permissionsboundary": boundary} if boundary else {}
    match operation:
        case "SimulatePrincipalPolicy":
            # moto's callers have ARNs that no user of AWS has.
            source = given["PolicySourceArn"].replace(":sts:", ":iam:")
            yield Request("iam:SimulatePrincipalPolicy", source)
        case "ListRoles":
            yield Request("iam:ListRoles", _IAM.format(f"role{given['PathPrefix']}"))
        case "GetRole" | "GetInstanceProfile":
            # Of what is not there IAM knows no path.
            on = role if operation == "GetRole" else profile
            yield Request(f"iam:{operation}", on)
            yield Request(f"iam:{operation}", on.replace("/scar/", "/"))
        case _ if "InstanceProfileName" in given:
            yield Request(f"iam:{operation}", profile)
        case _:
            yield Request(f"iam:{operation}", role, context)
    if operation == "CreateRole" and given.get("Tags"):
        yield Request("iam:TagRole", role)
    if operation == "AddRoleToInstanceProfile":
        yield _passing(role, "ec2.amazonaws.com")


def _ecr(operation: str, given: Parameters) -> Iterator[Request]:
    if operation in ("GetAuthorizationToken", "GetAccountSetting"):
        yield Request(f"ecr:{operation}", "*")
        return
    if "resourceArn" in given:
        yield Request(f"ecr:{operation}", given["resourceArn"])
        return
    one = [given["repositoryName"]] if "repositoryName" in given else ["*"]
    for name in given.get("repositoryNames") or one:
        arn = _HERE.format("ecr", f"repository/{name}")
        yield Request(f"ecr:{operation}", arn)
        if operation == "CreateRepository" and given.get("tags"):
            yield Request("ecr:TagResource", arn)


def _logs(operation: str, given: Parameters) -> Iterator[Request]:
    if operation == "DescribeLogGroups":
        yield Request("logs:DescribeLogGroups", "*")
    elif "resourceArn" in given:
        yield Request(f"logs:{operation}", given["resourceArn"])
    else:
        group = _HERE.format("logs", f"log-group:{given['logGroupName']}")
        stream = f"{group}:log-stream:{given.get('logStreamName', '')}"
        yield Request(f"logs:{operation}", stream)
        if operation == "CreateLogGroup" and given.get("tags"):
            # Refusals do not say which of both is meant.
            yield Request("logs:TagResource", group)
            yield Request("logs:TagResource", stream)


def _batch(operation: str, given: Parameters) -> Iterator[Request]:
    kinds = {
        "compute-environment": given.get("computeEnvironmentName")
        or given.get("computeEnvironment"),
        "job-queue": given.get("jobQueueName") or given.get("jobQueue"),
        "job-definition": given.get("jobDefinitionName") or given.get("jobDefinition"),
        "job": given.get("jobId"),
    }
    if operation.startswith(("Describe", "List")):
        yield Request(f"batch:{operation}", "*")
        return
    on = [_batch_arn(kind, name) for kind, name in kinds.items() if name]
    order = given.get("computeEnvironmentOrder", [])
    on += [_batch_arn("compute-environment", e["computeEnvironment"]) for e in order]
    for arn in on:
        yield Request(f"batch:{operation}", arn)
    if given.get("tags"):
        revision = ":1" if operation == "RegisterJobDefinition" else ""
        yield Request("batch:TagResource", on[0] + revision)
    container = given.get("containerProperties", {})
    for name in ("jobRoleArn", "executionRoleArn"):
        if container.get(name):
            yield _passing(container[name], "ecs-tasks.amazonaws.com")
    if operation == "CreateComputeEnvironment":
        yield from _machines(given)


def _machines(given: Parameters) -> Iterator[Request]:
    """An instance profile is named; what is passed is the role in it, here of the same name."""
    if profile := given["computeResources"].get("instanceRole"):
        role = profile.replace(":instance-profile/", ":role/")
        yield _passing(role, "ec2.amazonaws.com")
    service_role = given.get("serviceRole", _SERVICE_LINKED)
    if service_role.endswith("/AWSServiceRoleForBatch"):
        context = {"iam:awsservicename": "batch.amazonaws.com"}
        yield Request("iam:CreateServiceLinkedRole", _IAM.format(_SERVICE_LINKED), context)
    else:
        yield _passing(service_role, "batch.amazonaws.com")


def _batch_arn(kind: str, name: str) -> str:
    return name if name.startswith("arn:") else _HERE.format("batch", f"{kind}/{name}")


def _ec2(operation: str, given: Parameters) -> Iterator[Request]:
    if operation.startswith("Describe"):
        yield Request(f"ec2:{operation}", "*")
        return
    arn = _HERE.format("ec2", "launch-template/lt-1")
    key = "requesttag" if operation == "CreateLaunchTemplate" else "resourcetag"
    yield Request(f"ec2:{operation}", arn, {f"aws:{key}/scar:managed": "true"})
    if given.get("TagSpecifications"):
        yield Request("ec2:CreateTags", arn, {"ec2:createaction": operation})


def _kms(operation: str, given: Parameters) -> Iterator[Request]:
    """What is asked is about the key, also if the alias is named."""
    assert "KeyId" in given
    yield Request(f"kms:{operation}", _HERE.format("kms", "key/1"))


def _anywhere(operation: str, given: Parameters) -> Iterator[Request]:
    del given
    yield Request(f"servicequotas:{operation}", "*")


def _nothing(operation: str, given: Parameters) -> Iterator[Request]:
    """GetCallerIdentity needs no permission."""
    del operation, given
    yield from ()


def _passing(role: str, service: str) -> Request:
    return Request("iam:PassRole", role, {"iam:passedtoservice": service})


_OF: Mapping[str, Callable[[str, Parameters], Iterator[Request]]] = {
    "s3": _s3,
    "lambda": _lambda,
    "iam": _iam,
    "ecr": _ecr,
    "logs": _logs,
    "batch": _batch,
    "ec2": _ec2,
    "kms": _kms,
    "service-quotas": _anywhere,
    "sts": _nothing,
}
