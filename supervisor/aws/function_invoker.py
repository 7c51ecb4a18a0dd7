"""Invoke a Lambda function asynchronously: Lambda queues the event and repeats failed attempts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import find_credentials
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.request import Origin

# Bytes of the event of an asynchronous invocation; 256 KB until October 2025.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_EVENT = 1 << 20


def connect(
    environ: Mapping[str, str],
    backoff: Backoff | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> FunctionInvoker:
    """Create an invoker from the environment of a function; raise ConfigError, NoCredentials."""
    region = endpoints.read_region(environ)
    client = AwsClient(
        service="lambda",
        region=region,
        credentials=find_credentials(environ),
        connections=ConnectionPool(environ),
        backoff=backoff or Backoff(),
        clock=clock,
    )
    return FunctionInvoker(client, endpoints.service_endpoint("lambda", region, environ))


@dataclass(frozen=True, slots=True)
class FunctionInvoker:
    """Sends events to the functions of one account and Region."""

    client: AwsClient
    origin: Origin

    def enqueue(self, function: str, event: bytes) -> None:
        """Hand an event of at most ``MAX_EVENT`` bytes to Lambda's queue; raise AwsError.

        After a lost response it is sent again, so Lambda may have it twice: its run has one id.
        """
        self.client.send(
            AwsRequest(
                method="POST",
                origin=self.origin,
                path=f"/2015-03-31/functions/{function}/invocations",
                headers={
                    "content-type": "application/json",
                    "x-amz-invocation-type": "Event",
                },
                body=event,
            )
        )
