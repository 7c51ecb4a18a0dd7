"""Buckets and the notifications that buckets send. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from scar.aws.model import names
from scar.aws.model.resources.base import Resource, ResourceKey
from scar.aws.model.resources.lambda_ import EventInvokeConfig, InvokePermission, LambdaFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class StateBucket(Resource):
    """Where runs are recorded and locks are held; records expire after ``keep_days``.

    ``is_private``: nobody can open it to the public; ``encryption`` is S3's word for the
    algorithm that new objects get.
    """

    kind: ClassVar[str] = "state-bucket"
    shared: ClassVar[bool] = True

    keep_days: int = 90
    is_private: bool = True
    encryption: str = "AES256"

    @classmethod
    def without_settings(cls, name: str) -> Self:
        """Describe a bucket without any settings."""
        return cls(name=name, keep_days=0, is_private=False, encryption="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Resource):
    """A bucket of the user's: created if absent, never deleted while it holds data.

    ``folders`` (``a/b/``) are kept as empty objects of that name.
    """

    kind: ClassVar[str] = "bucket"
    shared: ClassVar[bool] = True

    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketNotification(Resource):
    """Objects created in a bucket start a function; ``name`` is ``bucket/rule id``.

    All other notifications of the bucket belong to somebody else.
    """

    kind: ClassVar[str] = "notification"
    is_trigger: ClassVar[bool] = True

    function_arn: str = ""
    events: tuple[str, ...] = ("s3:ObjectCreated:*",)
    prefix: str = ""
    suffix: str = ""

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
        return frozenset(
            {
                ResourceKey(Bucket.kind, self.bucket),
                ResourceKey(LambdaFunction.kind, function),
                ResourceKey(EventInvokeConfig.kind, function),
                ResourceKey(
                    InvokePermission.kind,
                    f"{function}/{names.permission_statement_id(self.bucket)}",
                ),
            }
        )
