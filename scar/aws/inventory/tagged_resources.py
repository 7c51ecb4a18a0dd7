"""The resources of a function that exist only if its tags say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import (
    EventSource,
    FunctionUrl,
    HttpApi,
    LambdaFunction,
    SourceQueue,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.aws.model.resources import Resource


def tagged_resources(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Yield what the tags of functions name: queues with event source mappings, and endpoints.

    Not read for other functions, for which the caller needs no permission for SQS and API Gateway.
    """
    for function in resources:
        if not isinstance(function, LambdaFunction):
            continue
        tags = dict(function.tags)
        if queue := tags.get(names.EVENT_QUEUE_TAG):
            yield SourceQueue(name=queue)
            yield EventSource(name=function.name)
        if tags.get(names.ENDPOINT_TAG):
            yield from endpoints_of(function.name)


def endpoints_of(function: str) -> Iterator[Resource]:
    """Yield both kinds of endpoint: a change from one to the other may have been interrupted."""
    yield HttpApi(name=function)
    yield FunctionUrl(name=function)
