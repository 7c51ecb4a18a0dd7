"""Remember what this process has changed in AWS moments ago: other services see it later."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RECENT_SECONDS = 300.0
"""How long a change counts as recent: IAM and ECR propagate within seconds, at times minutes."""

# By service and operation: the kind of the changed resource, as in `Resource.kind`, and the
# parameter that names it.
_CHANGES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("apigatewayv2", "CreateApi"): ("http-api", "Name"),
    ("batch", "CreateComputeEnvironment"): ("compute-environment", "computeEnvironmentName"),
    ("batch", "CreateJobQueue"): ("job-queue", "jobQueueName"),
    ("batch", "UpdateComputeEnvironment"): ("compute-environment", "computeEnvironment"),
    ("ec2", "CreateLaunchTemplate"): ("launch-template", "LaunchTemplateName"),
    ("ecr", "CreateRepository"): ("repository", "repositoryName"),
    ("ecr", "SetRepositoryPolicy"): ("repository", "repositoryName"),
    ("iam", "AddRoleToInstanceProfile"): ("instance-profile", "InstanceProfileName"),
    ("iam", "AttachRolePolicy"): ("role", "RoleName"),
    ("iam", "CreateInstanceProfile"): ("instance-profile", "InstanceProfileName"),
    ("iam", "CreateRole"): ("role", "RoleName"),
    ("iam", "CreateServiceLinkedRole"): ("service-linked-role", "AWSServiceName"),
    ("iam", "DeleteRolePermissionsBoundary"): ("role", "RoleName"),
    ("iam", "PutRolePermissionsBoundary"): ("role", "RoleName"),
    ("iam", "PutRolePolicy"): ("role", "RoleName"),
    ("iam", "UpdateAssumeRolePolicy"): ("role", "RoleName"),
    ("lambda", "AddPermission"): ("function", "FunctionName"),
    ("lambda", "CreateFunction"): ("function", "FunctionName"),
    ("lambda", "CreateFunctionUrlConfig"): ("function-url", "FunctionName"),
    ("lambda", "UpdateFunctionCode"): ("function", "FunctionName"),
    ("lambda", "UpdateFunctionConfiguration"): ("function", "FunctionName"),
    ("logs", "CreateLogGroup"): ("log-group", "logGroupName"),
    ("s3", "CreateBucket"): ("bucket", "Bucket"),
    ("sqs", "CreateQueue"): ("event-queue", "QueueName"),
    ("sqs", "SetQueueAttributes"): ("event-queue", "QueueUrl"),
}
_DELETIONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("batch", "DeleteComputeEnvironment"): ("compute-environment", "computeEnvironment"),
    ("batch", "DeleteJobQueue"): ("job-queue", "jobQueue"),
    ("ec2", "DeleteLaunchTemplate"): ("launch-template", "LaunchTemplateName"),
    ("ecr", "DeleteRepository"): ("repository", "repositoryName"),
    ("iam", "DeleteInstanceProfile"): ("instance-profile", "InstanceProfileName"),
    ("iam", "DeleteRole"): ("role", "RoleName"),
    ("lambda", "DeleteFunction"): ("function", "FunctionName"),
    ("logs", "DeleteLogGroup"): ("log-group", "logGroupName"),
    ("s3", "DeleteBucket"): ("bucket", "Bucket"),
    ("sqs", "DeleteQueue"): ("event-queue", "QueueUrl"),
}


@dataclass(slots=True)
class RecentChanges:
    """The resources that this process created or changed, by kind and name; thread-safe.

    An error such as "the role cannot be assumed" passes by itself only if the role was changed
    moments ago; otherwise its cause is permanent. ``clock`` is monotonic, in seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _times: dict[tuple[str, str], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_call(self, service: str, operation: str, parameters: Mapping[str, object]) -> None:
        """Record the resource that a successful API call created, changed or deleted."""
        if change := _CHANGES.get((service, operation)):
            kind, parameter = change
            self.record(kind, str(parameters.get(parameter, "")))
        elif deletion := _DELETIONS.get((service, operation)):
            kind, parameter = deletion
            self.forget(kind, str(parameters.get(parameter, "")))

    def record(self, kind: str, name: str) -> None:
        """Record a change; ``kind`` as in ``Resource.kind``, ``name`` also an ARN or a URL."""
        with self._lock:
            self._times[kind, _short_name(name)] = self.clock()

    def forget(self, kind: str, name: str) -> None:
        """Forget a deleted resource: its absence is no race."""
        with self._lock:
            self._times.pop((kind, _short_name(name)), None)

    def seconds_since(self, kind: str, name: str = "") -> float | None:
        """Return the seconds since the last change; without a name, of any of that kind.

        None if there was none. Ask for ``is_recent`` to decide about a wait.
        """
        with self._lock:
            times = [t for (k, n), t in self._times.items() if k == kind and name in ("", n)]
        return self.clock() - max(times) if times else None

    def is_recent(self, kind: str, name: str = "") -> bool:
        """Return whether this process changed the resource in the last five minutes."""
        elapsed = self.seconds_since(kind, name)
        return elapsed is not None and elapsed <= RECENT_SECONDS

    def is_any_recent_in(self, kind: str, value: object) -> bool:
        """Return whether ``value`` refers to a resource of the kind that was changed recently.

        ``value`` is a parameter of a request: a name, an ARN, an image, or a structure of these.
        """
        with self._lock:
            names = [n for (k, n) in self._times if k == kind and n]
        texts = list(_texts(value))
        return any(
            self.is_recent(kind, name) for name in names if any(_refers_to(t, name) for t in texts)
        )


def _short_name(name: str) -> str:
    """Return the name at the end of an ARN or of a queue's URL: calls use either."""
    is_long = name.startswith(("arn:", "https://", "http://"))
    return name.rpartition("/")[2] if is_long else name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _refers_to(text: str, name: str) -> bool:
    """Return whether a name, ARN or image reference names the resource, not one like it."""
    return re.search(rf"(?:^|[:/]){re.escape(name)}(?:$|[:@])", text) is not None
