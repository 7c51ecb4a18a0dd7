"""The rules of SQS queues and of Lambda's event source mappings.

Messages of Lambda are from its service model and its documentation of BatchSize.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    check_enum,
    check_range,
    get_number,
    get_structure,
    get_text,
)
from scar.aws.requests.rules.lambda_ import check_function_name
from scar.aws.requests.rules.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.limits import Limit

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")
_ATTRIBUTE_LIMITS: dict[str, Limit] = {
    "VisibilityTimeout": limits.SQS_VISIBILITY,
    "MessageRetentionPeriod": limits.SQS_RETENTION,
}


def check_create_queue(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateQueue."""
    name = get_text(parameters, "QueueName") or ""
    if not _QUEUE_NAME.fullmatch(name) or not limits.SQS_NAME.allows(len(name)):
        yield RuleViolation(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    yield from check_queue_attributes(parameters)
    yield from check_tags(parameters, "tags")


def check_queue_attributes(parameters: Parameters) -> Iterator[RuleViolation]:
    """The attributes of CreateQueue and SetQueueAttributes."""
    attributes = get_structure(parameters, "Attributes")
    for name, limit in _ATTRIBUTE_LIMITS.items():
        value = attributes.get(name)
        if value is not None and not (str(value).isdecimal() and limit.allows(int(str(value)))):
            yield RuleViolation("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def check_create_event_source(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateEventSourceMapping: without a window, it is 0."""
    yield from check_update_event_source({"MaximumBatchingWindowInSeconds": 0, **parameters})


def check_update_event_source(parameters: Parameters) -> Iterator[RuleViolation]:
    """UpdateEventSourceMapping."""
    yield from check_function_name(parameters)
    size = get_number(parameters, "BatchSize")
    window = get_number(parameters, "MaximumBatchingWindowInSeconds")
    yield from check_range(size, limits.EVENT_SOURCE_BATCH, "batchSize")
    yield from check_range(window, limits.EVENT_SOURCE_WINDOW, "maximumBatchingWindowInSeconds")
    most = limits.EVENT_SOURCE_BATCH_WITHOUT_WINDOW
    if size is not None and window == 0 and size > most.maximum:
        yield RuleViolation(
            "InvalidParameterValueException",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            f" greater than {most.maximum}",
        )
    concurrency = get_number(get_structure(parameters, "ScalingConfig"), "MaximumConcurrency")
    yield from check_range(
        concurrency, limits.EVENT_SOURCE_CONCURRENCY, "scalingConfig.maximumConcurrency"
    )
    types = parameters.get("FunctionResponseTypes")
    for each in types if isinstance(types, list | tuple) else ():
        yield from check_enum(str(each), ("ReportBatchItemFailures",), "functionResponseTypes")
    yield from check_tags(parameters, "Tags")
