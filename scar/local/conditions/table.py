"""What AWS does now and then, how often the local cloud does it under ``--chaos``, and why.

Times are scaled: where AWS takes ten seconds to minutes, the local cloud takes one to four
seconds, so that a workflow meets every condition within tens of seconds. Probabilities are far
above AWS's, for the same reason.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Condition(enum.StrEnum):
    """Everything that ``--chaos`` adds."""

    ROLE_NOT_ASSUMABLE = "roles are usable only some seconds after they were made or changed"
    POLICY_NOT_ACTIVE = "permissions take effect only some seconds after they were changed"
    IAM_READ_STALE = "IAM does not find for a moment what was just made"
    DESTINATION_NOT_VALID = "new functions are not valid destinations for a moment"
    ENDPOINT_NOT_SERVED = "new and changed HTTP endpoints are not served for a moment"
    IMAGE_NOT_READABLE = "Lambda cannot read an image just after its repository policy was set"
    BUCKET_NOT_VISIBLE = "S3 does not find a new bucket for a moment"
    BUCKET_NAME_BUSY = "the name of a deleted bucket is not free for some seconds"
    BUCKET_SETTINGS_BUSY = "a bucket refuses a change just after another one"
    EVENT_QUEUE_NOT_VISIBLE = "SQS and Lambda do not find a new queue for a moment"
    EVENT_QUEUE_NAME_BUSY = "the name of a deleted SQS queue is not free for some seconds"
    FUNCTION_PENDING = "functions are Pending after they were made, InProgress after updates"
    ENVIRONMENT_CREATING = "compute environments are CREATING before they are VALID"
    ENVIRONMENT_INVALID = "new compute environments are INVALID until they are updated, or a while"
    QUEUE_CREATING = "job queues are CREATING before they are VALID"
    EVENT_DUPLICATED = "S3 delivers an event twice"
    EVENT_DELAYED = "S3 delivers events late and in another order"
    INVOCATION_THROTTLED = "invocations are throttled"
    SANDBOX_KILLED = "Lambda sandboxes die (Runtime.ExitError)"
    SANDBOX_OUT_OF_MEMORY = "Lambda sandboxes run out of memory (Runtime.OutOfMemory)"
    SPOT_RECLAIMED = "Spot instances are reclaimed: SIGTERM, then the host is gone"
    HOST_LOST = "hosts of jobs vanish without SIGTERM"
    JOB_NOT_STARTED = "jobs do not start (CannotPullContainerError)"
    LOG_LINES_LOST = "log lines of jobs are lost if the log driver does not block"
    LOG_LINES_LATE = "log events are visible only some seconds later"
    SLOW_DOWN = "S3 responds 503 SlowDown"
    INTERNAL_ERROR = "S3 responds 500 InternalError"
    THROTTLED = "control planes respond that the rate is exceeded"
    CONNECTION_RESET = "connections are reset before a request is executed"
    RESPONSE_LOST = "connections are reset after a request was executed"
    SLOW_RESPONSE = "responses are slow"


@dataclass(frozen=True, slots=True)
class ChaosRule:
    """How often a condition occurs, for how many seconds (at least, at most), and its source."""

    probability: float
    seconds: tuple[float, float]
    reason: str


_IAM = "IAM User Guide: changes are not immediately visible; seen up to half a minute"
_S3_BUCKET = "S3 error OperationAborted/NoSuchBucket; Terraform retries both on every call"
_SQS = "SQS API: CreateQueue (usable after a second), QueueDeletedRecently (60 seconds)"
_LAMBDA_STATES = "Lambda Developer Guide: function states; container images take seconds"
_BATCH_STATES = "Batch User Guide: INVALID compute environment"
_S3_ERRORS = "S3 User Guide: best practices for errors; SDKs retry 500 and 503"
_ENDPOINTS = "API Gateway Developer Guide: stages are deployed after a change, asynchronously"
_HOSTS = "EC2 User Guide: Spot interruptions; Batch: automated job retries"

CHAOS_RULES: Mapping[Condition, ChaosRule] = {
    Condition.ROLE_NOT_ASSUMABLE: ChaosRule(0.7, (1.0, 4.0), _IAM),
    Condition.POLICY_NOT_ACTIVE: ChaosRule(0.5, (0.5, 3.0), _IAM),
    Condition.IAM_READ_STALE: ChaosRule(0.4, (0.2, 1.5), _IAM),
    Condition.DESTINATION_NOT_VALID: ChaosRule(0.4, (0.5, 2.0), "Terraform retries it"),
    Condition.ENDPOINT_NOT_SERVED: ChaosRule(0.6, (0.5, 2.0), _ENDPOINTS),
    Condition.IMAGE_NOT_READABLE: ChaosRule(0.3, (0.5, 2.0), "reports of container functions"),
    Condition.BUCKET_NOT_VISIBLE: ChaosRule(0.3, (0.2, 1.0), _S3_BUCKET),
    Condition.BUCKET_NAME_BUSY: ChaosRule(0.7, (1.0, 4.0), _S3_BUCKET),
    Condition.BUCKET_SETTINGS_BUSY: ChaosRule(0.3, (0.1, 0.6), _S3_BUCKET),
    Condition.EVENT_QUEUE_NOT_VISIBLE: ChaosRule(0.5, (0.2, 1.0), _SQS),
    Condition.EVENT_QUEUE_NAME_BUSY: ChaosRule(0.7, (1.0, 4.0), _SQS),
    Condition.FUNCTION_PENDING: ChaosRule(0.8, (0.5, 3.0), _LAMBDA_STATES),
    Condition.ENVIRONMENT_CREATING: ChaosRule(0.9, (0.5, 2.0), _BATCH_STATES),
    Condition.ENVIRONMENT_INVALID: ChaosRule(0.3, (4.0, 8.0), _BATCH_STATES),
    Condition.QUEUE_CREATING: ChaosRule(0.7, (0.3, 1.5), "Batch API: status of job queues"),
    Condition.EVENT_DUPLICATED: ChaosRule(0.05, (0.0, 4.0), "S3 User Guide: at least once"),
    Condition.EVENT_DELAYED: ChaosRule(0.15, (0.2, 4.0), "S3 User Guide: seconds, any order"),
    Condition.INVOCATION_THROTTLED: ChaosRule(0.03, (0.2, 2.0), "Lambda: concurrency quotas"),
    Condition.SANDBOX_KILLED: ChaosRule(0.10, (0.2, 4.0), "reports of Runtime.ExitError"),
    Condition.SANDBOX_OUT_OF_MEMORY: ChaosRule(0.05, (0.2, 4.0), "Lambda: memory limit"),
    Condition.SPOT_RECLAIMED: ChaosRule(0.04, (0.05, 1.0), _HOSTS),
    Condition.HOST_LOST: ChaosRule(0.03, (0.05, 1.0), _HOSTS),
    Condition.JOB_NOT_STARTED: ChaosRule(0.03, (0.0, 0.0), "ECS: stopped task error codes"),
    Condition.LOG_LINES_LOST: ChaosRule(0.05, (0.0, 0.0), "ECS: non-blocking log drivers"),
    Condition.LOG_LINES_LATE: ChaosRule(0.10, (0.3, 3.0), "CloudWatch Logs: ingestion takes time"),
    Condition.SLOW_DOWN: ChaosRule(0.010, (0.0, 0.0), _S3_ERRORS),
    Condition.INTERNAL_ERROR: ChaosRule(0.005, (0.0, 0.0), _S3_ERRORS),
    Condition.THROTTLED: ChaosRule(0.020, (0.0, 0.0), "quotas of the services' APIs"),
    Condition.CONNECTION_RESET: ChaosRule(0.005, (0.0, 0.0), "networks; load balancers"),
    Condition.RESPONSE_LOST: ChaosRule(0.003, (0.0, 0.0), "networks; load balancers"),
    Condition.SLOW_RESPONSE: ChaosRule(0.010, (0.1, 1.5), "tail latency of every service"),
}
"""One row for each condition. Request faults hit at most MAX_IN_A_ROW attempts of a request."""

MAX_IN_A_ROW = 2
"""Faults that one resource's requests meet in a row: SDKs and the supervisor try more often."""
