"""Changes that take effect only some seconds later: roles, policies, destinations, buckets, queues.

A successful change starts a delay for what it concerns; until it ends, requests that need the
change get AWS's error for it. The conditions and their lengths come from the seed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scar.local.conditions.api_call import resource_name
from scar.local.conditions.faults import OPERATION_ABORTED, Refusal
from scar.local.conditions.table import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.draws import Draws

# S3 does not say which function's permission it misses: a notification waits for all of them.
_NOTIFICATIONS = "/notifications"
_ROLE_CHANGES = frozenset({"CreateRole", "UpdateAssumeRolePolicy"})
_PERMISSION_CHANGES = frozenset({"PutRolePolicy", "AttachRolePolicy"})
# IAM operations on an existing role or instance profile; they find it once it is visible.
_IAM_LOOKUPS = frozenset(
    {
        "GetRole", "GetRolePolicy", "PutRolePolicy", "AttachRolePolicy", "TagRole",
        "ListRolePolicies", "ListAttachedRolePolicies", "ListRoleTags", "UpdateAssumeRolePolicy",
        "GetInstanceProfile", "AddRoleToInstanceProfile", "TagInstanceProfile",
    }
)  # fmt: skip
# SQS operations on an existing queue.
_QUEUE_LOOKUPS = frozenset(
    {"GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes", "ListQueueTags", "TagQueue"}
)
_EVENT_SOURCE_CHANGES = frozenset({"CreateEventSourceMapping", "UpdateEventSourceMapping"})
_URL_CHANGES = frozenset({"CreateFunctionUrlConfig", "UpdateFunctionUrlConfig"})
# Each deploys the stage again.
_API_CHANGES = frozenset({"CreateStage", "UpdateStage", "UpdateRoute", "UpdateIntegration"})
# Begins the names of functions' resource policies, which could be names of roles.
_FUNCTION = "function:"
_FUNCTION_CHANGES = frozenset({"CreateFunction", "UpdateFunctionConfiguration"})

_CANNOT_ASSUME = Refusal(
    code="InvalidParameterValueException",
    message="The role defined for the function cannot be assumed by Lambda.",
)
_CANNOT_CREATE_INTERFACE = Refusal(
    code="InvalidParameterValueException",
    message="The provided execution role does not have permissions to call "
    "CreateNetworkInterface on EC2",
)
_IMAGE_NOT_READABLE = Refusal(
    code="AccessDeniedException",
    message="Lambda does not have permission to access the ECR image. Check the ECR permissions.",
    status=403,
)
_NO_SUCH_BUCKET = Refusal(
    code="NoSuchBucket", message="The specified bucket does not exist", status=404
)
_DESTINATIONS_NOT_VALID = Refusal(
    code="InvalidArgument",
    message="Unable to validate the following destination configurations",
)
_NO_SUCH_QUEUE = Refusal(
    code="AWS.SimpleQueueService.NonExistentQueue",
    message="The specified queue does not exist for this wsdl version.",
)
_QUEUE_DELETED_RECENTLY = Refusal(
    code="AWS.SimpleQueueService.QueueDeletedRecently",
    message="You must wait 60 seconds after deleting a queue before you can create another with "
    "the same name.",
)
_EVENT_SOURCE_ABSENT = Refusal(
    code="InvalidParameterValueException",
    message="Error occurred while ReceiveMessage. SQS Error Code: "
    "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not "
    "exist for this wsdl version.",
)
_CANNOT_RECEIVE = Refusal(
    code="InvalidParameterValueException",
    message="The provided execution role does not have permissions to call ReceiveMessage on SQS",
)


class Propagation:
    """What has changed and has no effect yet; ``now`` is monotonic seconds. Thread-safe."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._until: dict[tuple[Condition, str], float] = {}
        self._roles: dict[str, str] = {}  # by function
        self._lock = threading.Lock()

    def check(self, call: ApiCall, now: float) -> Refusal | None:
        """Return AWS's error if the call needs a change that has no effect yet."""
        match call.service:
            case "iam":
                return self._check_iam(call, now)
            case "lambda":
                return self._check_lambda(call, now)
            case "s3":
                return self._check_s3(call, now)
            case "sqs":
                return self._check_sqs(call, now)
            case _:
                return None

    def record(self, call: ApiCall, now: float) -> None:
        """Start the delays of a successful change."""
        match call.service:
            case "iam":
                self._record_iam(call, now)
            case "lambda":
                self._record_lambda(call, now)
            case "s3":
                self._record_s3(call, now)
            case "sqs":
                self._record_sqs(call, now)
            case "apigateway" | "apigatewayv2" if call.operation in _API_CHANGES:
                self._start(Condition.ENDPOINT_NOT_SERVED, call.text("ApiId"), now)
            case "ecr" if call.operation == "SetRepositoryPolicy":
                self._start(Condition.IMAGE_NOT_READABLE, call.text("repositoryName"), now)
            case _:
                pass

    def is_pending(self, condition: Condition, name: str, now: float) -> bool:
        """Return whether the condition still holds for this name."""
        with self._lock:
            until = self._until.get((condition, name))
            if until is not None and now >= until:
                del self._until[(condition, name)]
            return until is not None and now < until

    def is_endpoint_served(self, identity: str, now: float) -> bool:
        """Return whether requests reach an endpoint: the id of an API, or a function's name."""
        return not self.is_pending(Condition.ENDPOINT_NOT_SERVED, identity, now)

    def is_permission_active(self, function: str, now: float) -> bool:
        """Return whether the newest statement of a function's resource policy has effect."""
        return not self.is_pending(Condition.POLICY_NOT_ACTIVE, f"{_FUNCTION}{function}", now)

    def _record_iam(self, call: ApiCall, now: float) -> None:
        if call.operation in ("CreateRole", "CreateInstanceProfile"):
            self._start(Condition.IAM_READ_STALE, _iam_name(call), now)
        if call.operation in _ROLE_CHANGES:
            self._start(Condition.ROLE_NOT_ASSUMABLE, call.text("RoleName"), now)
        elif call.operation in _PERMISSION_CHANGES:
            self._start(Condition.POLICY_NOT_ACTIVE, call.text("RoleName"), now)

    def _record_lambda(self, call: ApiCall, now: float) -> None:
        if call.operation in _FUNCTION_CHANGES and call.text("Role"):
            self._roles[call.resource] = _last_part(call.text("Role"))
        if call.operation == "CreateFunction":
            self._start(Condition.DESTINATION_NOT_VALID, call.resource, now)
        elif call.operation == "AddPermission":
            self._start(Condition.DESTINATION_NOT_VALID, _NOTIFICATIONS, now)
            self._start(Condition.POLICY_NOT_ACTIVE, f"{_FUNCTION}{call.resource}", now)
        elif call.operation in _URL_CHANGES:
            self._start(Condition.ENDPOINT_NOT_SERVED, call.resource, now)

    def _record_s3(self, call: ApiCall, now: float) -> None:
        if call.operation == "CreateBucket":
            self._start(Condition.BUCKET_NOT_VISIBLE, call.bucket, now)
        elif call.operation == "DeleteBucket":
            self._start(Condition.BUCKET_NAME_BUSY, call.bucket, now)
        elif call.changes_bucket_setting:
            self._start(Condition.BUCKET_SETTINGS_BUSY, call.bucket, now)

    def _record_sqs(self, call: ApiCall, now: float) -> None:
        if call.operation == "CreateQueue":
            self._start(Condition.EVENT_QUEUE_NOT_VISIBLE, call.resource, now)
        elif call.operation == "DeleteQueue":
            self._start(Condition.EVENT_QUEUE_NAME_BUSY, call.resource, now)
        if "Policy" in _attributes(call.parameters):
            self._start(Condition.DESTINATION_NOT_VALID, _NOTIFICATIONS, now)

    def _start(self, condition: Condition, name: str, now: float) -> None:
        if occurrence := self._draws.draw(condition, name):
            with self._lock:
                self._until[(condition, name)] = now + occurrence.seconds

    def _check_iam(self, call: ApiCall, now: float) -> Refusal | None:
        if call.operation not in _IAM_LOOKUPS:
            return None
        kind = "Instance Profile" if "InstanceProfile" in call.operation else "role with name"
        for name in (_iam_name(call), call.text("RoleName")):
            if self.is_pending(Condition.IAM_READ_STALE, name, now):
                text = f"The {kind} {name} cannot be found."
                return Refusal(code="NoSuchEntity", message=text, status=404)
        return None

    def _check_lambda(self, call: ApiCall, now: float) -> Refusal | None:
        role = _last_part(call.text("Role")) or self._roles.get(call.resource, "")
        if call.operation in _FUNCTION_CHANGES:
            if self.is_pending(Condition.ROLE_NOT_ASSUMABLE, role, now):
                return _CANNOT_ASSUME
            if self._is_policy_pending(role, now) and _has_subnets(call.parameters):
                return _CANNOT_CREATE_INTERFACE
        if call.operation in ("CreateFunction", "UpdateFunctionCode"):
            repository = _repository(call.parameters)
            if self.is_pending(Condition.IMAGE_NOT_READABLE, repository, now):
                return _IMAGE_NOT_READABLE
        if call.operation in _EVENT_SOURCE_CHANGES:
            return self._check_event_source(call, role, now)
        if call.operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"):
            return self._check_destination(call, role, now)
        return None

    def _check_destination(self, call: ApiCall, role: str, now: float) -> Refusal | None:
        arn = _failure_destination(call.parameters)
        if not arn:
            return None
        name = resource_name({"FunctionName": arn})
        if self.is_pending(Condition.DESTINATION_NOT_VALID, name, now):
            text = f"The destination ARN {arn} is invalid."
            return Refusal(code="InvalidParameterValueException", message=text)
        if self._is_policy_pending(role, now):
            text = (
                f"The function's execution role does not have permissions to call InvokeFunction "
                f"on {arn}"
            )
            return Refusal(code="InvalidParameterValueException", message=text)
        return None

    def _check_event_source(self, call: ApiCall, role: str, now: float) -> Refusal | None:
        queue = call.text("EventSourceArn").rpartition(":")[2]
        if self.is_pending(Condition.EVENT_QUEUE_NOT_VISIBLE, queue, now):
            return _EVENT_SOURCE_ABSENT
        return _CANNOT_RECEIVE if self._is_policy_pending(role, now) else None

    def _is_policy_pending(self, role: str, now: float) -> bool:
        return self.is_pending(Condition.POLICY_NOT_ACTIVE, role, now)

    def _check_sqs(self, call: ApiCall, now: float) -> Refusal | None:
        if call.operation == "CreateQueue":
            is_busy = self.is_pending(Condition.EVENT_QUEUE_NAME_BUSY, call.resource, now)
            return _QUEUE_DELETED_RECENTLY if is_busy else None
        is_lookup = call.operation in _QUEUE_LOOKUPS
        if is_lookup and self.is_pending(Condition.EVENT_QUEUE_NOT_VISIBLE, call.resource, now):
            return _NO_SUCH_QUEUE
        return None

    def _check_s3(self, call: ApiCall, now: float) -> Refusal | None:
        bucket = call.bucket
        if call.operation == "CreateBucket":
            busy = self.is_pending(Condition.BUCKET_NAME_BUSY, bucket, now)
            return OPERATION_ABORTED if busy else None
        if bucket and self.is_pending(Condition.BUCKET_NOT_VISIBLE, bucket, now):
            return _NO_SUCH_BUCKET
        changes = call.changes_bucket_setting or call.operation == "DeleteBucket"
        if changes and self.is_pending(Condition.BUCKET_SETTINGS_BUSY, bucket, now):
            return OPERATION_ABORTED
        if call.operation == "PutBucketNotificationConfiguration" and self.is_pending(
            Condition.DESTINATION_NOT_VALID, _NOTIFICATIONS, now
        ):
            return _DESTINATIONS_NOT_VALID
        return None


def _iam_name(call: ApiCall) -> str:
    """Return the name of the role or profile; of the profile if a call names both."""
    return call.text("InstanceProfileName") or call.text("RoleName")


def _last_part(arn: str) -> str:
    return arn.rpartition("/")[2]


def _has_subnets(parameters: Mapping[str, object]) -> bool:
    network = parameters.get("VpcConfig")
    return isinstance(network, dict) and bool(network.get("SubnetIds"))


def _repository(parameters: Mapping[str, object]) -> str:
    """Return the name of the image's repository."""
    code = parameters.get("Code")
    uri = code.get("ImageUri") if isinstance(code, dict) else parameters.get("ImageUri")
    if not isinstance(uri, str):
        return ""
    return uri.partition("/")[2].partition("@")[0].partition(":")[0]


def _attributes(parameters: Mapping[str, object]) -> Mapping[str, object]:
    attributes = parameters.get("Attributes")
    return attributes if isinstance(attributes, dict) else {}


def _failure_destination(parameters: Mapping[str, object]) -> str:
    destinations = parameters.get("DestinationConfig")
    failure = destinations.get("OnFailure") if isinstance(destinations, dict) else None
    arn = failure.get("Destination") if isinstance(failure, dict) else None
    return arn if isinstance(arn, str) else ""
