"""The IAM permissions that a call of an SDK operation needs.

Written from the Service Authorization Reference, not from the product's own table:
https://docs.aws.amazon.com/service-authorization/latest/reference/ (read November 2026)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.iam_evaluation import IamRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Parameters = Mapping[str, Any]

_ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
_IAM_ARN = "arn:aws:iam::123456789012:{}"
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


def required_permissions(service: str, operation: str, params: Parameters) -> Iterator[IamRequest]:
    """Yield the requests that must be allowed; raise KeyError for an unknown service."""
    yield from _BY_SERVICE[service](operation, params)


def _s3(operation: str, params: Parameters) -> Iterator[IamRequest]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if operation == "DeleteObjects":
        for item in params["Delete"]["Objects"]:
            yield IamRequest("s3:DeleteObject", f"{bucket}/{item['Key']}")
        return
    action = _S3_NAMES.get(operation, operation)
    if operation == "GetObject" and "VersionId" in params:
        action = "GetObjectVersion"
    context = {"s3:prefix": params["Prefix"]} if "Prefix" in params else {}
    where = f"{bucket}/{params['Key']}" if "Key" in params else bucket
    yield IamRequest(f"s3:{action}", where, context)
    if params.get("CreateBucketConfiguration", {}).get("Tags"):
        yield IamRequest("s3:TagResource", bucket)


def _lambda(operation: str, params: Parameters) -> Iterator[IamRequest]:
    name = params.get("FunctionName") or params.get("Resource", "").rpartition(":")[2]
    arn = _ARN.format("lambda", f"function:{name}")
    everywhere = operation in ("ListFunctions", "GetAccountSettings")
    action = {"Invoke": "InvokeFunction"}.get(operation, operation)
    yield IamRequest(f"lambda:{action}", "*" if everywhere else arn)
    if operation == "CreateFunction" and params.get("Tags"):
        yield IamRequest("lambda:TagResource", arn)
    if role := params.get("Role"):
        yield _pass_role(role, "lambda.amazonaws.com")
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    if params.get("VpcConfig"):
        for type_ in ("SecurityGroups", "Subnets", "Vpcs"):
            yield IamRequest(f"ec2:Describe{type_}", "*")
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
    if params.get("FileSystemConfigs"):
        yield IamRequest("elasticfilesystem:DescribeMountTargets", "*")


def _apigatewayv2(operation: str, params: Parameters) -> Iterator[IamRequest]:
    """HTTP methods on paths of the API, and the tags of a resource as a path of their own.

    APIs have the tag of the tests' function. What is below an API has no tags here: it is not
    documented that it inherits those of an HTTP API.
    """
    api = f"/{params['ApiId']}" if "ApiId" in params else ""
    arn = f"arn:aws:apigateway:eu-west-1::/apis{api}"
    tags = {f"aws:requesttag/{k}": v for k, v in (params.get("Tags") or {}).items()}
    if "ResourceArn" in params:
        verb = "PUT" if operation == "TagResource" else "DELETE"
        encoded = params["ResourceArn"].replace(":", "%3A").replace("/", "%2F")
        path = f"arn:aws:apigateway:eu-west-1::/tags/{encoded}"
        yield from (IamRequest(f"apigateway:{a}", path, tags) for a in (verb, operation))
        return
    verbs = {"Create": "POST", "Get": "GET", "Update": "PATCH", "Delete": "DELETE"}
    verb = next(v for name, v in verbs.items() if operation.startswith(name))
    kinds = {"Integration": "/integrations", "Route": "/routes", "Stage": "/stages"}
    kinds["Cors"] = "/cors"
    kind = next((path for name, path in kinds.items() if name in operation), "")
    if kind and verb in ("PATCH", "DELETE") and kind != "/cors":
        kind += "/x"
    own = {"aws:resourcetag/scar:function": "crop"} if api and not kind else {}
    yield IamRequest(f"apigateway:{verb}", arn + kind, {**tags, **own})
    if tags:
        yield IamRequest("apigateway:POST", "arn:aws:apigateway:eu-west-1::/tags/x", tags)


def _iam(operation: str, params: Parameters) -> Iterator[IamRequest]:
    role = _IAM_ARN.format(f"role/scar/{params.get('RoleName')}")
    profile = _IAM_ARN.format(f"instance-profile/scar/{params.get('InstanceProfileName')}")
    boundary = params.get("PermissionsBoundary")
    context = {"iam:permissionsboundary": boundary} if boundary else {}
    match operation:
        case "SimulatePrincipalPolicy":
            # moto's callers have ARNs that do not exist on AWS.
            source = params["PolicySourceArn"].replace(":sts:", ":iam:")
            yield IamRequest("iam:SimulatePrincipalPolicy", source)
        case "ListRoles":
            yield IamRequest("iam:ListRoles", _IAM_ARN.format(f"role{params['PathPrefix']}"))
        case "GetRole" | "GetInstanceProfile":
            # IAM does not know the path of a role or profile that does not exist.
            on = role if operation == "GetRole" else profile
            yield IamRequest(f"iam:{operation}", on)
            yield IamRequest(f"iam:{operation}", on.replace("/scar/", "/"))
        case _ if "InstanceProfileName" in params:
            yield IamRequest(f"iam:{operation}", profile)
        case _:
            yield IamRequest(f"iam:{operation}", role, context)
    if operation == "CreateRole" and params.get("Tags"):
        yield IamRequest("iam:TagRole", role)
    if operation == "AddRoleToInstanceProfile":
        yield _pass_role(role, "ec2.amazonaws.com")


def _ecr(operation: str, params: Parameters) -> Iterator[IamRequest]:
    if operation in ("GetAuthorizationToken", "GetAccountSetting"):
        yield IamRequest(f"ecr:{operation}", "*")
        return
    if "resourceArn" in params:
        yield IamRequest(f"ecr:{operation}", params["resourceArn"])
        return
    one = [params["repositoryName"]] if "repositoryName" in params else ["*"]
    for name in params.get("repositoryNames") or one:
        arn = _ARN.format("ecr", f"repository/{name}")
        yield IamRequest(f"ecr:{operation}", arn)
        if operation == "CreateRepository" and params.get("tags"):
            yield IamRequest("ecr:TagResource", arn)


def _logs(operation: str, params: Parameters) -> Iterator[IamRequest]:
    if operation == "DescribeLogGroups":
        yield IamRequest("logs:DescribeLogGroups", "*")
    elif "resourceArn" in params:
        yield IamRequest(f"logs:{operation}", params["resourceArn"])
    else:
        group = _ARN.format("logs", f"log-group:{params['logGroupName']}")
        stream = f"{group}:log-stream:{params.get('logStreamName', '')}"
        yield IamRequest(f"logs:{operation}", stream)
        if operation == "CreateLogGroup" and params.get("tags"):
            # AccessDenied does not say which of the two ARNs is checked.
            yield IamRequest("logs:TagResource", group)
            yield IamRequest("logs:TagResource", stream)


def _batch_resources(operation: str, params: Parameters) -> list[str]:
    """Return the ARNs of what a request is about."""
    resources = {
        "compute-environment": params.get("computeEnvironmentName")
        or params.get("computeEnvironment"),
        "job-queue": params.get("jobQueueName") or params.get("jobQueue"),
        "job-definition": params.get("jobDefinitionName") or params.get("jobDefinition"),
        "job": params.get("jobId"),
        "scheduling-policy": params.get("name") or params.get("schedulingPolicyArn"),
    }
    if operation.endswith("SchedulingPolicy") and "arn" in params:
        resources["scheduling-policy"] = params["arn"]
    return [_batch_arn(kind, name) for kind, name in resources.items() if name]


def _batch(operation: str, params: Parameters) -> Iterator[IamRequest]:
    if operation.startswith(("Describe", "List")):
        yield IamRequest(f"batch:{operation}", "*")
        return
    if "resourceArn" in params:
        yield IamRequest(f"batch:{operation}", params["resourceArn"])
        return
    on = _batch_resources(operation, params)
    order = params.get("computeEnvironmentOrder", [])
    on += [_batch_arn("compute-environment", e["computeEnvironment"]) for e in order]
    for arn in on:
        yield IamRequest(f"batch:{operation}", arn)
    if params.get("tags"):
        revision = ":1" if operation == "RegisterJobDefinition" else ""
        # A job has no ARN yet when it is submitted: any may be meant.
        tagged = _ARN.format("batch", "job/new") if operation == "SubmitJob" else on[0] + revision
        context = {f"aws:requesttag/{k}": v for k, v in params["tags"].items()}
        yield IamRequest("batch:TagResource", tagged, context)
    container = params.get("containerProperties", {})
    for name in ("jobRoleArn", "executionRoleArn"):
        if container.get(name):
            yield _pass_role(container[name], "ecs-tasks.amazonaws.com")
    if operation == "CreateComputeEnvironment":
        yield from _compute_environment(params)


def _compute_environment(params: Parameters) -> Iterator[IamRequest]:
    """Yield the roles passed; that of an instance profile has the profile's name here."""
    if profile := params["computeResources"].get("instanceRole"):
        role = profile.replace(":instance-profile/", ":role/")
        yield _pass_role(role, "ec2.amazonaws.com")
    service_role = params.get("serviceRole", _SERVICE_LINKED)
    if service_role.endswith("/AWSServiceRoleForBatch"):
        context = {"iam:awsservicename": "batch.amazonaws.com"}
        yield IamRequest("iam:CreateServiceLinkedRole", _IAM_ARN.format(_SERVICE_LINKED), context)
    else:
        yield _pass_role(service_role, "batch.amazonaws.com")


def _batch_arn(kind: str, name: str) -> str:
    return name if name.startswith("arn:") else _ARN.format("batch", f"{kind}/{name}")


def _ec2(operation: str, params: Parameters) -> Iterator[IamRequest]:
    if operation.startswith("Describe"):
        yield IamRequest(f"ec2:{operation}", "*")
        return
    arn = _ARN.format("ec2", "launch-template/lt-1")
    key = "requesttag" if operation == "CreateLaunchTemplate" else "resourcetag"
    yield IamRequest(f"ec2:{operation}", arn, {f"aws:{key}/scar:managed": "true"})
    if params.get("TagSpecifications"):
        yield IamRequest("ec2:CreateTags", arn, {"ec2:createaction": operation})


def _kms(operation: str, params: Parameters) -> Iterator[IamRequest]:
    """Yield the permission on the key, also if the call names an alias."""
    assert "KeyId" in params
    yield IamRequest(f"kms:{operation}", _ARN.format("kms", "key/1"))


def _any_resource(operation: str, params: Parameters) -> Iterator[IamRequest]:
    del params
    yield IamRequest(f"servicequotas:{operation}", "*")


def _nothing(operation: str, params: Parameters) -> Iterator[IamRequest]:
    """GetCallerIdentity needs no permission."""
    del operation, params
    yield from ()


def _pass_role(role: str, service: str) -> IamRequest:
    return IamRequest("iam:PassRole", role, {"iam:passedtoservice": service})


def _efs(operation: str, _: Parameters) -> Iterator[IamRequest]:
    yield IamRequest(f"elasticfilesystem:{operation}", "*")


def _s3files(operation: str, _: Parameters) -> Iterator[IamRequest]:
    yield IamRequest(f"s3files:{operation}", "*")


def _ssm(operation: str, params: Parameters) -> Iterator[IamRequest]:
    # GetParametersByPath is checked for the path.
    arn = _ARN.format("ssm", f"parameter{params.get('Name') or params['Path']}")
    yield IamRequest(f"ssm:{operation}", arn)
    if params.get("Tags"):
        yield IamRequest("ssm:AddTagsToResource", arn)


_BY_SERVICE: Mapping[str, Callable[[str, Parameters], Iterator[IamRequest]]] = {
    "s3": _s3,
    "lambda": _lambda,
    "iam": _iam,
    "ecr": _ecr,
    "logs": _logs,
    "apigatewayv2": _apigatewayv2,
    "batch": _batch,
    "ec2": _ec2,
    "efs": _efs,
    "kms": _kms,
    "s3files": _s3files,
    "service-quotas": _any_resource,
    "ssm": _ssm,
    "sts": _nothing,
}
