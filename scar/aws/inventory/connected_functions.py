"""Follow the outputs of functions to the deployed functions that they start, and on from there.

The way is that of the objects: an output folder, the notifications of its bucket, the functions
that these start, the output folders of those. Only buckets and functions on this way are read, so
functions that start no others cost no request that a deployment does not make anyway.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import error_code, translate_errors
from scar.aws.handlers.notification_rules import list_function_rules
from scar.aws.model import names
from scar.aws.model.function_links import FunctionLinks, WatchedFolder
from scar.aws.validation.loop_checks import starts
from supervisor.config import function_config_key, parse_config
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_s3.type_defs import NotificationConfigurationResponseTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import BucketNotification

    NotificationConfiguration = NotificationConfigurationResponseTypeDef

_ACCESS_DENIED_CODES = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
# How the supervisor writes outputs: PutObject, or an upload in parts.
_EVENTS_OF_OUTPUTS = (
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:CompleteMultipartUpload",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedFunctions:
    """``functions`` are those of the deployment with all notifications that start them.

    ``deployed`` are the other functions that their outputs start, directly or through others;
    ``notes`` are sentences about those whose outputs are not known.
    """

    functions: tuple[FunctionLinks, ...] = ()
    deployed: tuple[FunctionLinks, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class ConnectionReader:
    """Reads the functions connected with those of one deployment.

    ``notifications`` are the configurations of buckets that are known already, None for those that
    do not exist.
    """

    connection: AwsConnection
    notifications: Mapping[str, NotificationConfiguration | None]
    _configurations: dict[str, NotificationConfiguration | None] = field(init=False)
    _notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._configurations = dict(self.notifications)

    def read(self, functions: Sequence[FunctionLinks]) -> ConnectedFunctions:
        """Return what is connected; ends, as each bucket and each function is read once."""
        own = {f.name for f in functions}
        deployed: dict[str, FunctionLinks] = {}
        with ThreadPoolExecutor(PARALLEL) as pool:
            frontier: Sequence[FunctionLinks] = functions
            while frontier:
                buckets = self._unread_buckets(frontier)
                self._configurations |= zip(
                    buckets, pool.map(self._read_notifications, buckets), strict=True
                )
                started = sorted(self._started_by(frontier) - own - deployed.keys())
                frontier = list(pool.map(self._read_function, started))
                deployed |= {f.name: f for f in frontier}
        watched = self._watched_folders()
        return ConnectedFunctions(
            functions=tuple(_add_inputs(f, self._other_rules(f.name)) for f in functions),
            deployed=tuple(_add_inputs(f, watched.get(f.name, ())) for f in deployed.values()),
            notes=tuple(self._notes),
        )

    def _unread_buckets(self, functions: Iterable[FunctionLinks]) -> list[str]:
        # Outputs of functions that may be part of a loop are not followed.
        found = {o.target("").bucket for f in functions if not f.allow_loop for o in f.outputs}
        return sorted(found - self._configurations.keys())

    def _started_by(self, functions: Iterable[FunctionLinks]) -> set[str]:
        outputs = [o for f in functions if not f.allow_loop for o in f.outputs]
        return {
            name
            for name, folders in self._watched_folders().items()
            if any(starts(output, folder) for output in outputs for folder in folders)
        }

    def _watched_folders(self) -> dict[str, list[WatchedFolder]]:
        """Return the folders that start each function, by name."""
        found: dict[str, list[WatchedFolder]] = {}
        for name, rule in self._rules():
            found.setdefault(name, []).append(_watched_folder(rule))
        return found

    def _other_rules(self, function: str) -> list[WatchedFolder]:
        """Return what starts a function of the deployment by rules that scar did not create."""
        return [
            _watched_folder(rule)
            for name, rule in self._rules()
            if name == function and not names.is_notification_of(rule.rule_id, function)
        ]

    def _rules(self) -> Iterator[tuple[str, BucketNotification]]:
        """Yield the rules that outputs can match, each with the name of the function it starts."""
        for bucket, configuration in sorted(self._configurations.items()):
            if configuration is None:
                continue
            for rule in list_function_rules(bucket, configuration):
                name = self._function_name(rule.function_arn)
                if name and any(event in _EVENTS_OF_OUTPUTS for event in rule.events):
                    yield name, rule

    def _function_name(self, arn: str) -> str:
        """Return the name of a function of this account and Region, without its qualifier."""
        prefix = self.connection.account.arn("lambda", "function:")
        return arn.removeprefix(prefix).partition(":")[0] if arn.startswith(prefix) else ""

    def _read_notifications(self, bucket: str) -> NotificationConfiguration | None:
        """Return the bucket's configuration; None for a missing bucket, or without permission."""
        with translate_errors(f"read the notifications of bucket {bucket}"):
            s3 = self.connection.client("s3")
            try:
                return s3.get_bucket_notification_configuration(Bucket=bucket)
            except ClientError as error:
                if error_code(error) in _ACCESS_DENIED_CODES:
                    self._notes.append(
                        f"the notifications of bucket {bucket} cannot be read"
                        " (s3:GetBucketNotification): a loop through it is not detected"
                    )
                elif error_code(error) != "NoSuchBucket":
                    raise
                return None

    def _read_function(self, name: str) -> FunctionLinks:
        """Return a deployed function; without outputs if these are not known."""
        text, reason = self._read_record(name)
        links = FunctionLinks(name=name, is_deployed=True)
        try:
            # Records of earlier releases contain no outputs.
            if text and "allow_loop" in json.loads(text):
                config = parse_config(text)
                others = {provider.name for provider in config.providers}
                return FunctionLinks(
                    name=name,
                    outputs=tuple(o for o in config.outputs if o.provider not in others),
                    allow_loop=config.allow_loop,
                    is_deployed=True,
                )
            reason = reason or "it was deployed by an earlier release; run `scar init` for it again"
        except (ConfigError, TypeError, ValueError):
            reason = "its record was written by another release of scar"
        self._notes.append(
            f"outputs start the deployed function {name}, whose own outputs are not known"
            f" ({reason}): a loop through it is not detected"
        )
        return links

    def _read_record(self, name: str) -> tuple[str, str]:
        """Return the function's record in the state bucket, or why there is none."""
        bucket = names.state_bucket_name(self.connection.account)
        with translate_errors(f"read the record of function {name}"):
            s3 = self.connection.client("s3")
            try:
                response = s3.get_object(Bucket=bucket, Key=function_config_key(name))
                return response["Body"].read().decode(errors="replace"), ""
            except ClientError as error:
                if error_code(error) in _ACCESS_DENIED_CODES:
                    return "", f"allow s3:GetObject on {bucket}/functions/*"
                if error_code(error) in ("NoSuchKey", "NoSuchBucket"):
                    return "", "scar did not deploy it"
                raise


def _watched_folder(rule: BucketNotification) -> WatchedFolder:
    return WatchedFolder(rule.bucket, rule.prefix, rule.suffix)


def _add_inputs(links: FunctionLinks, inputs: Iterable[WatchedFolder]) -> FunctionLinks:
    return replace(links, inputs=(*links.inputs, *inputs))
