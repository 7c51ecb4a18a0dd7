"""Functions whose events are gathered: S3 → SQS → function, instead of S3 → function.

There is no dead-letter queue: an event stays in the queue until the supervisor has submitted its
run or has recorded that it failed, and for 14 days at most. A message that cannot be submitted is
recorded by the supervisor itself (``supervisor.execution.gathered_events``), where `scar why` and
`scar retry` find it; a second queue would be one more place to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import allow_statement, policy_document
from scar.aws.model import limits, names
from supervisor.runs.leases import GRACE_AFTER_DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource

# AWS's advice for queues that invoke functions, plus the window; with less than the function's
# timeout Lambda refuses the event source mapping. And longer than the lease of a claim, so that an
# event whose sandbox ended is sent again when its run can be taken over.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-queueconfig
_VISIBILITY_PER_TIMEOUT = 6
# The least that Lambda accepts: with more invocations at once, each gathers fewer events.
_CONCURRENCY = limits.EVENT_SOURCE_CONCURRENCY.minimum


def queue_arn(function: Function, account: Account) -> str:
    """Return the ARN of the function's queue, empty if its events are not gathered."""
    if function.batch is None or function.batch.array is None:
        return ""
    return account.arn("sqs", names.event_queue_name(function.name))


def compile_event_source(function: Function, account: Account) -> Iterator[Resource]:
    """Yield the queue and its event source mapping, if the function's events are gathered."""
    arn = queue_arn(function, account)
    if function.batch is None or function.batch.array is None:
        return
    from scar.aws.model.resources import EventSource, SourceQueue

    array = function.batch.array
    timeout = function.lambda_.timeout
    yield SourceQueue(
        name=names.event_queue_name(function.name),
        visibility=array.window
        + max(_VISIBILITY_PER_TIMEOUT * timeout, timeout + 2 * int(GRACE_AFTER_DEADLINE)),
        retention=limits.SQS_RETENTION.maximum,
        encrypted=True,
        policy=_queue_policy(function, account, arn),
        tags=tuple(sorted({**function.lambda_.tags, names.FUNCTION_TAG: function.name}.items())),
    )
    yield EventSource(
        name=function.name,
        queue_arn=arn,
        batch_size=min(array.size, limits.EVENT_SOURCE_BATCH.maximum),
        window=array.window,
        concurrency=_CONCURRENCY,
        reports_failures=True,
    )


def _queue_policy(function: Function, account: Account, arn: str) -> str:
    """Allow S3 to send, for the function's input buckets of this account.

    The account protects against a bucket of that name that another account creates later.
    """
    buckets = sorted({item.bucket for item in function.account_inputs})
    condition = {
        "ArnLike": {"aws:SourceArn": [account.s3_arn(bucket) for bucket in buckets]},
        "StringEquals": {"aws:SourceAccount": account.id},
    }
    statement = allow_statement(
        "sqs:SendMessage",
        Principal={"Service": account.service_principal("s3")},
        Resource=arn,
        Condition=condition,
    )
    return policy_document([statement])
