"""One API call as conditions see it, from an HTTP request or from parsed parameters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.http.bodies import BytesBody, read_all
from scar.local.http.router import Route
from scar.local.moto import calls
from scar.local.s3.protocol.errors import S3Error
from scar.local.s3.protocol.operations import BUCKET_SETTINGS
from scar.local.s3.protocol.request import parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.http.messages import Request

_SETTING_NAMES = {
    "acl": "BucketAcl",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "notification": "BucketNotificationConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "PublicAccessBlock",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
}
_VERBS = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete"}
_BUCKET_OPERATIONS = {
    "PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket", "GET": "ListObjectsV2",
    "POST": "DeleteObjects",
}  # fmt: skip
_JOB_OPERATIONS = {
    "submitjob": "SubmitJob", "describejobs": "DescribeJobs", "listjobs": "ListJobs",
    "terminatejob": "TerminateJob", "terminatejobs": "TerminateJobs",
    "canceljob": "CancelJob", "canceljobs": "CancelJobs",
    "getjobqueuesnapshot": "GetJobQueueSnapshot",
}  # fmt: skip
# The parameters that name what a call is about, by decreasing precedence.
_RESOURCE_PARAMETERS = (
    "FunctionName", "PolicyName", "RoleName", "InstanceProfileName", "computeEnvironmentName",
    "computeEnvironment", "jobQueueName", "jobQueue", "jobDefinitionName", "repositoryName",
    "logGroupName", "QueueName", "QueueUrl",
)  # fmt: skip
_MAX_BODY = 8 << 20  # bytes; as MotoService


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call; ``operation`` and ``parameters`` are named as in botocore.

    ``resource`` names what the call is about, for S3 ``bucket/key``. ``parameters`` is empty for
    services whose conditions do not need them (S3, logs, jobs). ``bucket`` is empty for others.
    ``is_repeatable``: executed twice, it has the effect of one (reads, conditional writes).
    """

    service: str
    operation: str
    region: str = ""
    resource: str = ""
    bucket: str = ""
    is_repeatable: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def changes_bucket_setting(self) -> bool:
        return self.service == "s3" and self.operation in SETTING_CHANGES

    def text(self, name: str) -> str:
        """Return a parameter that is a string, or the empty string."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else ""


SETTING_CHANGES = frozenset(
    verb + name for name in _SETTING_NAMES.values() for verb in ("Put", "Delete")
) | {"DeleteBucketLifecycle"}  # botocore's name of that deletion
"""The operations that change a setting of a bucket."""


def identify_s3_call(request: Request) -> ApiCall | None:
    """Return the S3 operation by method, path and query alone; None if the path is invalid."""
    try:
        bucket, key = parse_address(request.headers.get("host", ""), request.path)
    except S3Error:
        return None
    names = {part.partition("=")[0] for part in request.query.split("&")} if request.query else ()
    if key:
        operation = _object_operation(request.method, names)
        return ApiCall(
            service="s3",
            operation=operation,
            bucket=bucket,
            resource=f"{bucket}/{key}",
            is_repeatable=_is_repeatable(request),
        )
    setting = next((name for name in names if name in BUCKET_SETTINGS), "")
    if setting:
        operation = _VERBS.get(request.method, "") + _SETTING_NAMES[setting]
    else:
        operation = _BUCKET_OPERATIONS.get(request.method, "")
    return ApiCall(service="s3", operation=operation, bucket=bucket, resource=f"{bucket}/")


def _is_repeatable(request: Request) -> bool:
    is_conditional = "if-none-match" in request.headers or "if-match" in request.headers
    return request.method in ("GET", "HEAD", "DELETE") or is_conditional


def _object_operation(method: str, names: set[str] | tuple[()]) -> str:
    if "uploadId" in names:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}.get(method, "ListParts")
    if "uploads" in names:
        return "CreateMultipartUpload"
    kind = "ObjectTagging" if "tagging" in names else "Object"
    return _VERBS.get(method, "") + kind


def identify_call(request: Request, route: Route) -> tuple[ApiCall | None, Request]:
    """Return the call of a request to any other service, and the request with an unread body."""
    scope = calls.signing_scope(request)
    if scope is None:
        return None, request
    service, region = scope
    match route:
        case Route.LAMBDA:
            name = unquote(request.path.split("/")[3])
            return _call(service, "Invoke", region, {"FunctionName": name}), request
        case Route.BATCH:
            operation = _JOB_OPERATIONS.get(request.path.rpartition("/")[2], "")
            return _call(service, operation, region, {}), request
        case Route.LOGS:
            operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
            return _call(service, operation, region, {}), request
        case _:
            return _identify_configuration_call(request, service, region)


def _identify_configuration_call(
    request: Request, service: str, region: str
) -> tuple[ApiCall | None, Request]:
    body = read_all(request.body, _MAX_BODY)
    if body is None:  # refused by MotoService, which then finds no body at all
        return None, request
    unread = replace(request, body=BytesBody(body))
    try:
        call = calls.parse_call(calls.build_moto_request(request, service, region, body))
    except ValueError:
        return None, unread
    return _call(service, call.operation, region, call.parameters), unread


def _call(service: str, operation: str, region: str, parameters: Mapping[str, object]) -> ApiCall:
    return ApiCall(
        service=service,
        operation=operation,
        region=region,
        resource=resource_name(parameters),
        parameters=parameters,
    )


def resource_name(parameters: Mapping[str, object]) -> str:
    """Return the name of what a call is about, without the ARN in front; empty if unknown."""
    for name in _RESOURCE_PARAMETERS:
        value = parameters.get(name)
        if isinstance(value, str):
            return value.rpartition(":")[2].rpartition("/")[2]
    return ""
