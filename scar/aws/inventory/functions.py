"""List the deployed functions, for `scar ls` and `scar rm --all`."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import error_code, translate_errors
from scar.aws.handlers.notification_rules import parse_function_rules
from scar.aws.inventory.endpoints import Endpoint
from scar.aws.model import names
from scar.aws.model.other_inputs import OtherInput, read_other_inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.handlers.notification_rules import FunctionRule


@dataclass(frozen=True, slots=True, order=True)
class InputFolder:
    """A folder ``bucket/folder`` or a bucket, and the suffix of keys that start a function."""

    path: str
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.path}/*{self.suffix}" if self.suffix else self.path

    def covers(self, other: InputFolder) -> bool:
        """Return whether every object that matches the other one also matches this one."""
        inside = f"{other.path}/".startswith(f"{self.path}/")
        return inside and other.suffix.endswith(self.suffix)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSummary:
    """One deployed function; memory in MB, time in seconds.

    ``image`` is the image's name in the FDL, ``buckets`` are all buckets that it reads or writes,
    ``other_inputs`` are those on stores other than the account's S3.
    ``queue`` is empty without Batch, ``event_queue`` if events are not gathered in a queue.
    ``modified`` is an ISO 8601 time. ``api_type`` (`http` or `url`) and
    ``api_authentication`` are empty without an HTTP endpoint; ``api_url`` is its address, if it was
    read (``endpoints``).
    """

    name: str
    image: str
    mode: str
    memory: int
    timeout: int
    inputs: tuple[InputFolder, ...] = ()
    buckets: tuple[str, ...] = ()
    other_inputs: tuple[OtherInput, ...] = ()
    queue: str = ""
    event_queue: str = ""
    modified: str = ""
    api_type: str = ""
    api_authentication: str = ""
    api_url: str = ""


def list_functions(connection: AwsConnection) -> tuple[FunctionSummary, ...]:
    """Return the functions that scar created, sorted by name; raise ScarError."""
    with translate_errors("list the functions"):
        tagged = [
            (f, t) for f, t in list_tagged_functions(connection) if not _is_failure_handler(f)
        ]
        buckets = sorted({b for _, tags in tagged for b in buckets_of(tags)})
        with ThreadPoolExecutor(PARALLEL) as pool:
            rules = [
                r
                for bucket_rules in pool.map(lambda b: _list_rules(connection, b), buckets)
                for r in bucket_rules
            ]
    summaries = (_summarize_function(configuration, tags, rules) for configuration, tags in tagged)
    return tuple(sorted(summaries, key=lambda s: s.name))


def buckets_of(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the buckets that a function's tags name."""
    return tuple(sorted(v for k, v in tags.items() if k.startswith(names.BUCKETS_TAG)))


def list_tagged_functions(
    connection: AwsConnection, *, besides: Collection[str] = ()
) -> list[tuple[FunctionConfigurationTypeDef, Mapping[str, str]]]:
    """Return the functions with scar's tag, each with its tags; raise ScarError.

    ListFunctions returns no tags, so ListTags is called for every function with an image. Those
    named in ``besides`` are left out.
    """
    client = connection.client("lambda")

    def read_tags(configuration: FunctionConfigurationTypeDef) -> Mapping[str, str]:
        try:
            return client.list_tags(Resource=configuration["FunctionArn"])["Tags"]
        except client.exceptions.ResourceNotFoundException:
            return {}

    with translate_errors("list the functions"):
        pages = client.get_paginator("list_functions").paginate()
        functions = [f for page in pages for f in page["Functions"]]
        images = [
            f
            for f in functions
            if f.get("PackageType") == "Image" and f["FunctionName"] not in besides
        ]
        with ThreadPoolExecutor(PARALLEL) as pool:
            tagged = list(zip(images, pool.map(read_tags, images), strict=True))
    return [(f, t) for f, t in tagged if names.FUNCTION_TAG in t]


def list_role_names(connection: AwsConnection) -> set[str]:
    """Return the names of scar's roles, found by their path; raise ScarError."""
    pages = connection.client("iam").get_paginator("list_roles")
    with translate_errors("list the roles"):
        listed = pages.paginate(PathPrefix=names.ROLE_PATH, PaginationConfig={"PageSize": 1000})
        return {role["RoleName"] for page in listed for role in page["Roles"]}


def functions_with_roles(connection: AwsConnection) -> set[str]:
    """Return the functions that have roles; a name that was cut to IAM's limit is not found."""
    region = re.escape(connection.account.region)
    role_name = re.compile(rf"(.+)-{region}-(lambda|job|exec)")
    found = list_role_names(connection)
    return {match[1] for name in found if (match := role_name.fullmatch(name))}


def _is_failure_handler(configuration: FunctionConfigurationTypeDef) -> bool:
    """Return whether this is scar's own failure handler, which no FDL describes."""
    return configuration["FunctionName"] == names.FAILURE_HANDLER


def _list_rules(connection: AwsConnection, bucket: str) -> list[tuple[str, FunctionRule]]:
    """Return each rule with its bucket; none if it does not exist or belongs to another account."""
    try:
        configuration = connection.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except errors.ClientError as error:
        if error_code(error) in ("NoSuchBucket", "AccessDenied"):
            return []
        raise
    return [(bucket, rule) for rule in parse_function_rules(configuration)]


def _summarize_function(
    configuration: FunctionConfigurationTypeDef,
    tags: Mapping[str, str],
    rules: list[tuple[str, FunctionRule]],
) -> FunctionSummary:
    arn = configuration["FunctionArn"]
    endpoint = Endpoint.parse_tag(tags.get(names.ENDPOINT_TAG, ""))
    return FunctionSummary(
        name=configuration["FunctionName"],
        image=tags.get(names.IMAGE_TAG, ""),
        mode=tags.get(names.MODE_TAG, ""),
        memory=configuration["MemorySize"],
        timeout=configuration["Timeout"],
        inputs=tuple(
            sorted(
                InputFolder(f"{bucket}/{r.prefix}".rstrip("/"), r.suffix)
                for bucket, r in rules
                if r.function_arn == arn
            )
        ),
        buckets=buckets_of(tags),
        other_inputs=read_other_inputs(tags),
        queue=tags.get(names.QUEUE_TAG, ""),
        event_queue=tags.get(names.EVENT_QUEUE_TAG, ""),
        modified=configuration.get("LastModified", ""),
        api_type=endpoint.kind.value if endpoint else "",
        api_authentication=endpoint.authentication.value if endpoint else "",
    )
