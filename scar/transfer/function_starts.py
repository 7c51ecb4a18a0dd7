"""Tells which functions the objects of an upload start: by the rules of the bucket.

Costs one request, GetBucketNotificationConfiguration, whatever the number of functions.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from scar.aws.client import errors
from scar.aws.client.direct.notification_xml import parse_notifications
from scar.aws.client.direct.object_client import ObjectCall
from scar.aws.client.direct.requests import DirectRequestError
from scar.aws.handlers.notification_rules import list_function_rules
from scar.spelling import nearest_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.model.resources import BucketNotification
    from scar.transfer.location import S3Location
    from scar.transfer.result import TransferredObject


# The parts of a bucket's notification configuration that start functions not directly, if at all.
_OTHER_TARGETS = {
    "QueueConfigurations": "SQS",
    "TopicConfigurations": "SNS",
    "EventBridgeConfiguration": "EventBridge",
}


class FunctionStarts:
    """Counts the objects that start each function; ``rules`` are those of their bucket.

    ``other_targets`` are what the bucket notifies besides functions: ``SNS``, ``SQS``…
    """

    def __init__(
        self, rules: Iterable[BucketNotification], other_targets: Iterable[str] = ()
    ) -> None:
        self.rules = tuple(rules)
        self._other_targets = tuple(other_targets)
        self.objects = 0
        self.by_function: Counter[str] = Counter()
        self._starting = 0
        self._example = ""

    def add(self, key: str) -> None:
        """Count an uploaded object."""
        started = {
            _function_name(rule)
            for rule in self.rules
            if key.startswith(rule.prefix) and key.endswith(rule.suffix)
        }
        self.objects += 1
        self.by_function.update(started)
        self._starting += bool(started)
        if not started and not self._example:
            self._example = key

    def describe(self, bucket: str, prefix: str) -> str:
        """Return a sentence for people; empty if nothing was uploaded.

        ``prefix`` is that of the folder to which was uploaded.
        """
        if not self.objects:
            return ""
        if not self.rules:
            return self._describe_no_rules(bucket)
        if not self.by_function:
            return self._describe_none(bucket, prefix)
        names = ", ".join(
            name if number == self.objects else f"{name} ({number:,} of {self.objects:,} files)"
            for name, number in sorted(self.by_function.items())
        )
        if self._starting == self.objects:
            return f"Starts {names}."
        others = self.objects - self._starting
        if others == 1:
            return f"Starts {names}. 1 file starts nothing: {self._example}."
        return f"Starts {names}. {others:,} files start nothing, such as {self._example}."

    def _describe_no_rules(self, bucket: str) -> str:
        if self._other_targets:
            targets = " and ".join(self._other_targets)
            return f"No function starts directly: bucket {bucket} notifies {targets} only."
        return f"No function starts: none reads bucket {bucket}."

    def _describe_none(self, bucket: str, prefix: str) -> str:
        near = [rule for rule in self.rules if self._example.startswith(_rule_folder(rule))]
        if near:
            filters = "; ".join(map(_describe_filter, near))
            return f"No function starts: in {_folder_path(bucket, prefix)}, {filters}."
        sentence = f"No function reads {_folder_path(bucket, prefix)}"
        folders = sorted({_rule_folder(rule) for rule in self.rules})
        if closest := nearest_name(prefix, folders):
            return f"{sentence}; did you mean {_folder_path(bucket, closest)}?"
        others = ", ".join(_folder_path(bucket, folder) for folder in folders[:5])
        return f"{sentence}. Functions read {others}."


def _function_name(rule: BucketNotification) -> str:
    # arn:aws:lambda:<region>:<account>:function:<name>[:<alias>]
    parts = rule.function_arn.split(":")
    return parts[6] if len(parts) > 6 else rule.function_arn


def _rule_folder(rule: BucketNotification) -> str:
    """Return the folder of a rule's prefix, which may continue with the start of a name."""
    return rule.prefix[: rule.prefix.rfind("/") + 1]


def _describe_filter(rule: BucketNotification) -> str:
    start = rule.prefix.removeprefix(_rule_folder(rule))
    conditions = [
        f"{verb} {value!r}"
        for verb, value in (("begin with", start), ("end in", rule.suffix))
        if value
    ]
    return f"{_function_name(rule)} reads only names that {' and '.join(conditions)}"


def _folder_path(bucket: str, prefix: str) -> str:
    return f"{bucket}/{prefix}".rstrip("/")


class LazyFunctionStarts:
    """The functions that the objects of one upload start, looked up after the first object.

    A failure of the look-up is a sentence, not an error: it must not prevent an upload.
    """

    def __init__(self, client: ObjectClient, location: S3Location) -> None:
        self._client = client
        self._location = location
        self._found: FunctionStarts | None = None
        self._failure = ""

    def add(self, transferred: TransferredObject) -> None:
        """Count an uploaded object."""
        if self._found is None and not self._failure:
            self._look_up()
        if self._found is not None:
            self._found.add(transferred.key)

    def describe(self) -> str:
        """Return a sentence for people; empty if there is nothing to say."""
        if self._failure:
            return f"Which functions start is not known: {self._failure}."
        if self._found is None:
            return ""
        return self._found.describe(self._location.bucket, self._location.prefix)

    def to_json(self) -> dict[str, object]:
        """Return ``starts``: the number of objects by function; empty if none is known."""
        counts = self._found.by_function if self._found is not None else {}
        return {"starts": dict(sorted(counts.items()))} if counts else {}

    def _look_up(self) -> None:
        try:
            self._found = _read_starts(self._client, self._location.bucket)
        except (KeyError, ValueError) as error:
            self._failure = f"{type(error).__name__}: {error}"
        except (*errors.SDK_ERRORS, OSError) as error:
            code = errors.error_code(error)
            denial = f"GetBucketNotification returned {code}"
            self._failure = denial if code else f"{type(error).__name__}: {error}"


def _read_starts(client: ObjectClient, bucket: str) -> FunctionStarts:
    call = ObjectCall(
        name="GetBucketNotificationConfiguration",
        method="GET",
        bucket=bucket,
        query=(("notification", ""),),
    )
    try:
        configuration: Any = parse_notifications(client.send(call)[1])
    except DirectRequestError as error:
        raise ValueError("the notification configuration cannot be read") from error
    rules = [
        rule
        for rule in list_function_rules(bucket, configuration)
        if any(event.startswith("s3:ObjectCreated:") for event in rule.events)
    ]
    # S3 matches a filter that is not encoded with no key.
    return FunctionStarts(
        (rule for rule in rules if rule.encoded),
        (name for key, name in _OTHER_TARGETS.items() if key in configuration),
    )
