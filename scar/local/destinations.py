"""Delivery of Lambda's invocation records to the destination of a function."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.aws.sigv4 import Credentials


class DestinationSender:
    """Sends invocation records to a queue, a topic or a function, given by its ARN.

    Requests to SQS and SNS are signed and sent to the local cloud's own HTTP server, whose URL
    ``endpoint`` returns; ``enqueue`` stores an event in a function's asynchronous queue.
    """

    def __init__(
        self,
        endpoint: Callable[[], str],
        credentials: Credentials,
        enqueue: Callable[[str, bytes], object],
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._enqueue = enqueue
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def send(self, arn: str, record: bytes) -> None:
        """Deliver a record; raise OperationRefusedError naming the destination if that fails."""
        from botocore.exceptions import BotoCoreError, ClientError

        service, region, resource = _parse_arn(arn)
        text = record.decode()
        try:
            match service:
                case "lambda":
                    self._enqueue(arn, record)
                case "sqs":
                    client = self._service_client("sqs", region)
                    url = client.get_queue_url(QueueName=resource)["QueueUrl"]
                    client.send_message(QueueUrl=url, MessageBody=text)
                case "sns":
                    self._service_client("sns", region).publish(TopicArn=arn, Message=text)
                case _:
                    raise OperationRefusedError(
                        f"The local cloud does not support the destination {arn}.",
                        remedy="Use an SQS queue, an SNS topic or a Lambda function.",
                    )
        except (BotoCoreError, ClientError) as error:
            raise OperationRefusedError(
                f"The invocation record of a failed event cannot be sent to {arn}: {error}",
                remedy="Check that the destination exists.",
            ) from error

    def _service_client(self, service: str, region: str) -> Any:  # noqa: ANN401 - boto3 creates client classes at run time
        # Creating a boto3 client is slow and not thread-safe; calling one is thread-safe.
        with self._lock:
            if (service, region) not in self._clients:
                import boto3

                from scar.aws.client.connection import client_config

                session = boto3.Session(
                    self._credentials.access_key,
                    self._credentials.secret_key,
                    region_name=region,
                )
                self._clients[service, region] = session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self._endpoint(), config=client_config()
                )
            return self._clients[service, region]


def _parse_arn(arn: str) -> tuple[str, str, str]:
    """Return service, Region and resource of an ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        raise OperationRefusedError(
            f"{arn!r} is not a valid ARN.", remedy="Correct the function's destination."
        )
    return parts[2], parts[3], parts[5]
