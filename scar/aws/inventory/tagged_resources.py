"""The resources of a function that exist only if its tags or its policy say so."""

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

    from scar.aws.model.resources import InvokePermission, Resource


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
            yield from _endpoints_of(function.name)


def permitted_endpoints(permissions: Iterable[InvokePermission]) -> Iterator[Resource]:
    """Yield the endpoints of functions whose policy allows one to invoke them.

    A deployment that was killed may have removed the tag, and not the endpoint yet. Without such a
    statement is only a function URL for signed requests, which Lambda deletes with its function.
    """
    for permission in permissions:
        if permission.is_of_endpoint:
            yield from _endpoints_of(permission.function)


def _endpoints_of(function: str) -> Iterator[Resource]:
    """Yield both kinds: a change from one to the other may have been interrupted."""
    yield HttpApi(name=function)
    yield FunctionUrl(name=function)
