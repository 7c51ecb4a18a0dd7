"""The functions of an account, for people who want to see them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults
from scar.aws.client.errors import translate_errors
from scar.aws.handlers.aws_resources import PARALLEL, AwsResources
from scar.aws.handlers.image_store import NO_IMAGES
from scar.aws.handlers.notifications import parse_notification_rule
from scar.aws.inventory.deployed_resources import Inventory
from scar.aws.model import names
from scar.aws.model.resources import ComputeEnvironment, JobDefinition, JobQueue, LambdaFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import BucketNotification, Resource


@dataclass(frozen=True, slots=True, order=True)
class InputFolder:
    """``bucket/folder`` (or a bucket alone), and how the names end that start the function."""

    path: str
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.path}/*{self.suffix}" if self.suffix else self.path

    def covers(self, other: InputFolder) -> bool:
        """Whether every object of the other one is one of this."""
        inside = f"{other.path}/".startswith(f"{self.path}/")
        return inside and other.suffix.endswith(self.suffix)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSummary:
    """One deployed function; memory in MB, time in seconds.

    ``image`` is what the user called it, ``buckets`` are all that it uses, ``queue`` is empty
    without Batch, ``modified`` an ISO 8601 time.
    """

    name: str
    image: str
    mode: str
    memory: int
    timeout: int
    inputs: tuple[InputFolder, ...] = ()
    buckets: tuple[str, ...] = ()
    queue: str = ""
    modified: str = ""


def list_functions(connection: AwsConnection) -> tuple[FunctionSummary, ...]:
    """List the functions that scar made, by name; raise ScarError if AWS says no."""
    with translate_errors("list the functions"):
        found = [(f, t) for f, t in list_tagged_functions(connection) if not _is_failure_handler(f)]
        buckets = sorted({b for _, tags in found for b in buckets_of(tags)})
        with ThreadPoolExecutor(PARALLEL) as pool:
            rules = [
                r for some in pool.map(lambda b: _list_rules(connection, b), buckets) for r in some
            ]
    summaries = (_summarize_function(configuration, tags, rules) for configuration, tags in found)
    return tuple(sorted(summaries, key=lambda s: s.name))


def buckets_of(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the buckets that a function's tags name."""
    return tuple(sorted(v for k, v in tags.items() if k.startswith(names.BUCKETS_TAG)))


def list_tagged_functions(
    connection: AwsConnection,
) -> list[tuple[FunctionConfigurationTypeDef, Mapping[str, str]]]:
    """List the functions with scar's tag; tags are told one function at a time only.

    Raises what the SDK raises, as ScarError.
    """
    client = connection.client("lambda")

    def read_tags(configuration: FunctionConfigurationTypeDef) -> Mapping[str, str]:
        try:
            return client.list_tags(Resource=configuration["FunctionArn"])["Tags"]
        except client.exceptions.ResourceNotFoundException:
            return {}

    with translate_errors("list the functions"):
        pages = client.get_paginator("list_functions").paginate()
        images = [f for page in pages for f in page["Functions"] if f.get("PackageType") == "Image"]
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = list(zip(images, pool.map(read_tags, images), strict=True))
    return [(f, t) for f, t in found if names.FUNCTION_TAG in t]


def _is_failure_handler(configuration: FunctionConfigurationTypeDef) -> bool:
    """Tell the function that nobody asked for and that does nothing of its own."""
    return configuration["FunctionName"] == names.FAILURE_HANDLER


def _list_rules(connection: AwsConnection, bucket: str) -> list[BucketNotification]:
    """List who is started by a bucket; a bucket that is gone or another's starts nobody."""
    try:
        found = connection.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        if faults.error_code(error) in ("NoSuchBucket", "AccessDenied"):
            return []
        raise
    return [
        parse_notification_rule(bucket, rule)
        for rule in found.get("LambdaFunctionConfigurations", [])
    ]


def _summarize_function(
    configuration: FunctionConfigurationTypeDef,
    tags: Mapping[str, str],
    rules: list[BucketNotification],
) -> FunctionSummary:
    arn = configuration["FunctionArn"]
    return FunctionSummary(
        name=configuration["FunctionName"],
        image=tags.get(names.IMAGE_TAG, ""),
        mode=tags.get(names.MODE_TAG, ""),
        memory=configuration["MemorySize"],
        timeout=configuration["Timeout"],
        inputs=tuple(
            sorted(
                InputFolder(f"{r.bucket}/{r.prefix}".rstrip("/"), r.suffix)
                for r in rules
                if r.function_arn == arn
            )
        ),
        buckets=buckets_of(tags),
        queue=tags.get(names.QUEUE_TAG, ""),
        modified=configuration.get("LastModified", ""),
    )


def read_function_resources(function: str, connection: AwsConnection) -> tuple[Resource, ...]:
    """Read all that belongs to a function, itself first; empty if it is not there.

    Machines that its jobs run on are part of it, whoever shares them. Raises ScarError.
    """
    found = Inventory(connection, AwsResources.connect(connection, NO_IMAGES)).take_snapshot(
        [function], ()
    )
    own = list(found.resources.values())
    if not any(isinstance(r, LambdaFunction) for r in own):
        return ()
    queues = {r.queue for r in own if isinstance(r, JobDefinition)}
    own += [
        r
        for r in found.batch_infrastructure.values()
        if isinstance(r, ComputeEnvironment | JobQueue) and r.name in queues
    ]
    return tuple(sorted(own, key=lambda r: (not isinstance(r, LambdaFunction), str(r.key))))
