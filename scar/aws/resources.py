"""The AWS resources scar manages: desired and observed state are the same types. Pure.

Only what identifies a resource has no default, so that a resource can be looked for by its
name alone. Mappings are sorted tuples of pairs, documents are JSON with sorted keys: equal
state compares equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from scar.aws import names

Pairs = tuple[tuple[str, str], ...]
Architecture = Literal["x86_64", "arm64"]
Platform = Literal["EC2", "FARGATE"]
ComputeType = Literal["EC2", "SPOT", "FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"]
State = Literal["ENABLED", "DISABLED"]


class Key(NamedTuple):
    """What tells a resource from all others."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that exists, or shall exist, in an account.

    ``shared``: other functions may use it too.
    """

    kind: ClassVar[str]
    shared: ClassVar[bool] = False

    name: str

    @property
    def key(self) -> Key:
        return Key(self.kind, self.name)

    @property
    def needs(self) -> frozenset[Key]:
        """What must exist before, and may go only after, this resource."""
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateBucket(Resource):
    """Where runs are recorded and locks are held; records expire after ``keep_days``."""

    kind: ClassVar[str] = "state-bucket"
    shared: ClassVar[bool] = True

    keep_days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Resource):
    """A bucket of the user's: created if absent, never deleted while it holds data.

    ``folders`` (``a/b/``) are kept as empty objects of that name.
    """

    kind: ClassVar[str] = "bucket"
    shared: ClassVar[bool] = True

    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup(Resource):
    """A log group; ``retention_days`` 0 keeps everything."""

    kind: ClassVar[str] = "log-group"

    retention_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Resource):
    """An IAM role under the path ``/scar/`` with one inline policy."""

    kind: ClassVar[str] = "role"

    trust: str = ""
    policy: str = ""
    boundary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile(Resource):
    """What gives a role to the instances of a compute environment."""

    kind: ClassVar[str] = "instance-profile"
    shared: ClassVar[bool] = True

    role: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(Role.kind, self.role)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Resource):
    """The function's own container repository; ``policy`` lets Lambda pull from it."""

    kind: ClassVar[str] = "repository"

    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Resource):
    """One image, by digest, in the repository called ``name``."""

    kind: ClassVar[str] = "image"

    digest: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(Repository.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaFunction(Resource):
    """A function from a container image; memory and ephemeral storage in MB, time in seconds."""

    kind: ClassVar[str] = "function"

    role_arn: str = ""
    image: str = ""
    memory: int = 512
    timeout: int = 300
    ephemeral_mb: int = 512
    architecture: Architecture = "x86_64"
    environment: Pairs = ()
    description: str = ""
    tags: Pairs = ()
    reserved_concurrency: int | None = None

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset(
            {
                Key(Role.kind, self.role_arn.rpartition("/")[2]),
                Key(Image.kind, names.repository(self.name)),
                Key(LogGroup.kind, names.lambda_log_group(self.name)),
                Key(JobDefinition.kind, self.name),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig(Resource):
    """What Lambda does with asynchronous events of the function called ``name``."""

    kind: ClassVar[str] = "event-invoke-config"

    retries: int = 0
    max_age: int = 21_600
    on_failure: str = ""

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(LambdaFunction.kind, self.name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokePermission(Resource):
    """One bucket of one account may invoke one function; ``name`` is ``function/statement``."""

    kind: ClassVar[str] = "permission"

    source_arn: str = ""
    source_account: str = ""

    @property
    def function(self) -> str:
        return self.name.partition("/")[0]

    @property
    def statement(self) -> str:
        return self.name.partition("/")[2]

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(LambdaFunction.kind, self.function)})


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketNotification(Resource):
    """Objects created in a bucket start a function; ``name`` is ``bucket/rule id``.

    All other notifications of the bucket belong to somebody else.
    """

    kind: ClassVar[str] = "notification"

    function_arn: str = ""
    prefix: str = ""
    suffix: str = ""

    @property
    def bucket(self) -> str:
        return self.name.partition("/")[0]

    @property
    def rule_id(self) -> str:
        return self.name.partition("/")[2]

    @property
    def needs(self) -> frozenset[Key]:
        function = self.function_arn.rpartition(":")[2]
        return frozenset(
            {
                Key(Bucket.kind, self.bucket),
                Key(LambdaFunction.kind, function),
                Key(EventInvokeConfig.kind, function),
                Key(InvokePermission.kind, f"{function}/{names.statement(self.bucket)}"),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironment(Resource):
    """Machines for jobs, shared by all functions that ask for the same.

    ``instance_profile`` and ``service_role`` are ARNs; empty: none, and the service's own.
    """

    kind: ClassVar[str] = "compute-environment"
    shared: ClassVar[bool] = True

    type: ComputeType = "EC2"
    max_vcpus: int = 2
    min_vcpus: int = 0
    instance_types: tuple[str, ...] = ()
    image_type: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_profile: str = ""
    service_role: str = ""
    state: State = "ENABLED"

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(InstanceProfile.kind, self.instance_profile.rpartition("/")[2])})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueue(Resource):
    """Where jobs wait for the environment, shared like it."""

    kind: ClassVar[str] = "job-queue"
    shared: ClassVar[bool] = True

    environment: str = ""
    state: State = "ENABLED"

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset({Key(ComputeEnvironment.kind, self.environment)})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition(Resource):
    """How a function's jobs run; memory in MiB, ``timeout`` in seconds per attempt.

    ``attempts`` counts losses of the host only: a script that fails is not run again.
    """

    kind: ClassVar[str] = "job-definition"

    image: str = ""
    platform: Platform = "EC2"
    vcpus: str = "1"
    memory: int = 1024
    gpus: int = 0
    timeout: int = 86_400
    attempts: int = 3
    job_role: str = ""
    execution_role: str = ""
    public_ip: bool = False
    environment: Pairs = ()
    tags: Pairs = ()

    @property
    def queue(self) -> str:
        return dict(self.tags).get(names.QUEUE_TAG, "")

    @property
    def needs(self) -> frozenset[Key]:
        return frozenset(
            {
                Key(JobQueue.kind, self.queue),
                Key(Image.kind, names.repository(self.name)),
                Key(LogGroup.kind, names.batch_log_group(self.name)),
                Key(Role.kind, self.job_role.rpartition("/")[2]),
                Key(Role.kind, self.execution_role.rpartition("/")[2]),
            }
        )
