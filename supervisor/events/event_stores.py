"""Assign the objects of events to the function's stores. No I/O.

An event of MinIO says that it is one, and not of which server: the function's inputs say that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import EventError
from supervisor.events.parser import S3
from supervisor.invocation import ObjectEvent

if TYPE_CHECKING:
    from supervisor.invocation import Trigger
    from supervisor.model import FunctionConfig


def assign_stores(triggers: tuple[Trigger, ...], config: FunctionConfig) -> tuple[Trigger, ...]:
    """Return the triggers with the providers of the function's inputs as sources.

    Raise EventError for objects of MinIO that no input has.
    """
    return tuple(
        assign_store(trigger, config) if isinstance(trigger, ObjectEvent) else trigger
        for trigger in triggers
    )


def assign_store(event: ObjectEvent, config: FunctionConfig) -> ObjectEvent:
    """Return the event with the provider of the input that has its object.

    Raise EventError if no input has an object of MinIO, or several do.
    """
    source = event.source
    providers = providers_with(event, config)
    if source.provider == S3 and (S3 in providers or not providers):
        return event  # the account's S3, also for objects that `scar run` names
    if not providers:
        raise EventError(
            f"The event names {source} in MinIO, and no input of the function has it.",
            remedy="Add its bucket and folder to `input` with the storage_provider of that server"
            " (minio.<name>) and run `scar init`, or remove the notification (`mc event remove`).",
        )
    # Also if the sender's token belongs to one of them: a job and `scar retry` have no token.
    if len(providers) > 1:
        raise EventError(
            f"The event names {source}, and inputs on several servers have it:"
            f" {', '.join(providers)}. An event does not say which server sent it.",
            remedy="Use different buckets or folders, or one function for each server.",
        )
    return replace(event, source=replace(source, provider=providers[0]))


def providers_with(event: ObjectEvent, config: FunctionConfig) -> list[str]:
    """Return the stores of the inputs that have the object, of the kind that sent the event."""
    kind, bucket, key = event.source.provider, event.source.bucket, event.source.key
    stores = [
        config.store_name(rule.provider)
        for rule in config.inputs
        if rule.provider.partition(".")[0] == kind and rule.matches(bucket, key)
    ]
    return list(dict.fromkeys(stores))
