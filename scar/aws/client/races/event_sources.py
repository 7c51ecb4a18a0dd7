"""Races of event source mappings and their queues."""

from __future__ import annotations

from scar.aws.client.races.race import INVALID_PARAMETER, TERRAFORM, Race, pattern, words

EVENT_SOURCE_RACES: tuple[Race, ...] = (
    Race(
        service="lambda",
        operations=words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=INVALID_PARAMETER,
        message=pattern("execution role does not have permissions", "cannot be assumed by Lambda"),
        caused_by="role",
        state="the role's permission to receive messages is not active yet",
        remedy="Allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the"
        " queue for the function's execution role, then run the same command again.",
        source=TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="lambda",
        operations=words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=INVALID_PARAMETER,
        message=pattern("NonExistentQueue", "queue .*does not exist"),
        caused_by="event-queue",
        parameter="EventSourceArn",
        only_after_change=True,
        state="Lambda does not see the new queue yet",
        remedy="Run the same command again: another program may have deleted the queue.",
        source="docs: SQS CreateQueue, a queue can be used after a second",
    ),
    Race(
        service="lambda",
        operations=words("CreateEventSourceMapping UpdateEventSourceMapping"),
        codes=INVALID_PARAMETER,
        message=pattern("visibility timeout: .* is less than Function timeout"),
        caused_by="event-queue",
        only_after_change=True,
        state="Lambda does not see the queue's new visibility timeout yet",
        remedy="Run the same command again: another program may have changed the queue.",
        source="docs: SQS SetQueueAttributes, changes can take up to 60 seconds",
    ),
    Race(
        service="lambda",
        operations=words("CreateEventSourceMapping"),
        codes=words("ResourceNotFoundException"),
        caused_by="function",
        parameter="FunctionName",
        only_after_change=True,
        state="Lambda does not see the new function yet",
        remedy="Run the same command again: another program may have deleted the function.",
        source=TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="lambda",
        operations=words("UpdateEventSourceMapping DeleteEventSourceMapping"),
        codes=words("ResourceInUseException"),
        state="Lambda is still finishing an earlier change of the event source mapping",
        remedy="Run the same command again once it has ended.",
        source=TERRAFORM + "lambda/event_source_mapping.go",
    ),
    Race(
        service="sqs",
        operations=words("CreateQueue"),
        codes=words("QueueDeletedRecently AWS.SimpleQueueService.QueueDeletedRecently"),
        state="SQS has not freed the name of the queue yet, which was deleted less than 60 seconds"
        " ago",
        remedy="Run the same command again after a minute.",
        source="model: SQS, QueueDeletedRecently; " + TERRAFORM + "sqs/queue.go",
    ),
    *(
        Race(
            service="sqs",
            operations=words(operations),
            codes=words("QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue"),
            caused_by="event-queue",
            parameter=parameter,
            only_after_change=True,
            state="SQS does not see the new queue yet",
            remedy="Run the same command again: another program may have deleted the queue.",
            source="docs: SQS CreateQueue, a queue can be used after a second",
        )
        for operations, parameter in (
            ("GetQueueUrl", "QueueName"),
            ("GetQueueAttributes SetQueueAttributes ListQueueTags TagQueue", "QueueUrl"),
        )
    ),
)
