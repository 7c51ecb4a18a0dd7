"""S3 buckets and their notifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from scar.aws.model import names
from scar.aws.model.resources.base import Resource, ResourceKey
from scar.aws.model.resources.lambda_ import EventInvokeConfig, InvokePermission, LambdaFunction
from supervisor.connections import BODY_DAYS, RESULT_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class StateBucket(Resource):
    """The bucket of run records and locks; run records expire after ``keep_days``.

    ``body_days`` and ``result_days``: so long the bodies and results of HTTP requests are kept that
    are too large for Lambda.
    ``is_private``: public access is blocked. ``encryption`` is S3's name of the algorithm of the
    default encryption. ``requires_tls``: a bucket policy denies requests over plain HTTP.
    """

    kind: ClassVar[str] = "state-bucket"
    shared: ClassVar[bool] = True
    kept_on_undo: ClassVar[bool] = True

    keep_days: int = 90
    body_days: int = BODY_DAYS
    result_days: int = RESULT_DAYS
    is_private: bool = True
    encryption: str = "AES256"
    requires_tls: bool = True

    def may_stay(self, observed: Resource | None) -> bool:
        """Return whether it exists: it is never deleted, and the next deployment completes it."""
        return observed is not None

    @classmethod
    def without_settings(cls, name: str) -> Self:
        """Return a bucket that exists and has none of the settings."""
        return cls(
            name=name,
            keep_days=0,
            body_days=0,
            result_days=0,
            is_private=False,
            encryption="",
            requires_tls=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Resource):
    """A user's bucket: created if it does not exist, never deleted while it contains objects.

    ``folders`` (``a/b/``) are created as empty objects with that key.
    """

    kind: ClassVar[str] = "bucket"
    shared: ClassVar[bool] = True
    kept_on_undo: ClassVar[bool] = True

    folders: tuple[str, ...] = ()

    def may_stay(self, observed: Resource | None) -> bool:
        """Return whether it exists: an empty bucket without some of its folders is harmless."""
        return observed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketNotification(Resource):
    """A notification that invokes a function for new objects; ``name`` is ``bucket/rule id``.

    With ``queue_arn`` the events go to the function's queue, which invokes it. ``prefix`` and
    ``suffix`` are those of keys. ``encoded`` is false for an observed rule with a raw special
    character in its filter, as older releases wrote it: S3 matches it with no key. All other
    notifications of the bucket belong to other functions or tools.
    """

    kind: ClassVar[str] = "notification"
    is_trigger: ClassVar[bool] = True

    function_arn: str = ""
    queue_arn: str = ""
    events: tuple[str, ...] = ("s3:ObjectCreated:*",)
    prefix: str = ""
    suffix: str = ""
    encoded: bool = True

    @property
    def bucket(self) -> str:
        return self.name.partition("/")[0]

    @property
    def rule_id(self) -> str:
        return self.name.partition("/")[2]

    @property
    def function(self) -> str:
        return self.function_arn.rpartition(":")[2]

    @property
    def needs(self) -> frozenset[ResourceKey]:
        function = self.function
        common = {ResourceKey(Bucket.kind, self.bucket), ResourceKey(LambdaFunction.kind, function)}
        if self.queue_arn:
            from scar.aws.model.resources.event_sources import EventSource, SourceQueue

            queue = ResourceKey(SourceQueue.kind, names.event_queue_name(function))
            return frozenset({*common, queue, ResourceKey(EventSource.kind, function)})
        statement = names.permission_statement_id(self.bucket)
        return frozenset(
            {
                *common,
                ResourceKey(EventInvokeConfig.kind, function),
                ResourceKey(InvokePermission.kind, f"{function}/{statement}"),
            }
        )
