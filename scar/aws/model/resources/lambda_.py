"""Lambda functions, their permissions and event invoke configs, and batch target records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from scar.aws.model import names
from scar.aws.model.resources.base import Architecture, Pairs, Resource, ResourceKey
from scar.aws.model.resources.ecr import EcrImage, EcrRepository
from scar.aws.model.resources.iam import Role
from scar.aws.model.resources.logs import LogGroup
from scar.aws.model.resources.parameters import SecretParameter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaFunction(Resource):
    """A function with a container image; memory and ephemeral storage in MB, timeout in seconds.

    ``file_systems`` are pairs of an EFS access point's ARN and a mount path. ``allow_loop``: Lambda
    does not stop it in a recursive loop. ``parameters`` are the names of those with secrets that
    its runs read; they are not a part of the function.
    """

    kind: ClassVar[str] = "function"
    request_paths: ClassVar[Mapping[str, str]] = {
        "memory": "MemorySize",
        "timeout": "Timeout",
        "ephemeral_mb": "EphemeralStorage.Size",
        "description": "Description",
    }

    role_arn: str = ""
    image: str = ""
    memory: int = 128
    timeout: int = 3
    ephemeral_mb: int = 512
    architecture: Architecture = "x86_64"
    environment: Pairs = ()
    description: str = ""
    tags: Pairs = ()
    reserved_concurrency: int | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    file_systems: Pairs = ()
    log_group: str = ""
    allow_loop: bool = False
    parameters: tuple[str, ...] = field(default=(), compare=False)

    @property
    def function(self) -> str:
        return self.name

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                ResourceKey(Role.kind, self.role_arn.rpartition("/")[2]),
                ResourceKey(EcrImage.kind, names.parse_repository(self.image)),
                ResourceKey(EcrRepository.kind, names.parse_repository(self.image)),
            }
        )

    @property
    def uses(self) -> frozenset[ResourceKey]:
        # Only a plan asks: a function without Batch is compiled and checked without this module.
        from scar.aws.model.resources.batch import JobDefinition

        return frozenset(
            {
                ResourceKey(LogGroup.kind, names.lambda_log_group(self.name)),
                ResourceKey(JobDefinition.kind, self.name),
                *(ResourceKey(SecretParameter.kind, name) for name in self.parameters),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig(Resource):
    """How Lambda handles asynchronous invocations of the function ``name``.

    ``max_age`` is in seconds. ``on_failure`` is the ARN of the on-failure destination, a function.
    """

    kind: ClassVar[str] = "event-invoke-config"
    request_paths: ClassVar[Mapping[str, str]] = {
        "retries": "MaximumRetryAttempts",
        "max_age": "MaximumEventAgeInSeconds",
    }

    retries: int = 2
    max_age: int = 21_600
    on_failure: str = ""

    @property
    def function(self) -> str:
        return self.name

    @property
    def needs(self) -> frozenset[ResourceKey]:
        own = ResourceKey(LambdaFunction.kind, self.name)
        if not self.on_failure:
            return frozenset({own})
        # The record comes first: the failure handler reads it with the first failed invocation.
        destination = ResourceKey(LambdaFunction.kind, self.on_failure.rpartition(":")[2])
        return frozenset({own, destination, ResourceKey(BatchTargetRecord.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTargetRecord(Resource):
    """The record from which the failure handler learns where to submit jobs of ``name``.

    Other deployments read from it where the function writes. ``text`` is a ``function.json`` in the
    state bucket, reduced to the fields needed for these two.
    """

    kind: ClassVar[str] = "batch-target"

    bucket: str = ""
    text: str = ""

    @property
    def function(self) -> str:
        return self.name

    @property
    def needs(self) -> frozenset[ResourceKey]:
        # The kind as text: the module of the state bucket imports this one.
        return frozenset({ResourceKey("state-bucket", self.bucket)})


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokePermission(Resource):
    """The permission of one bucket to invoke one function; ``name`` is ``function/statement``.

    ``source_account`` protects against a bucket of that name that another account creates later.
    """

    kind: ClassVar[str] = "permission"
    create_only: ClassVar[frozenset[str]] = frozenset({"source_arn", "source_account"})

    source_arn: str = ""
    source_account: str = ""

    @property
    def function(self) -> str:
        return self.name.partition("/")[0]

    @property
    def statement(self) -> str:
        return self.name.partition("/")[2]

    @property
    def is_of_endpoint(self) -> bool:
        """Whether it is observed as a part of the function's HTTP endpoint, not of a bucket."""
        return self.statement in (names.API_STATEMENT_ID, *names.URL_STATEMENT_IDS)

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset({ResourceKey(LambdaFunction.kind, self.function)})
