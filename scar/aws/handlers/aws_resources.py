"""All handlers of one connection: which kind of resource is served by which."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from scar.aws.account.image_usage import in_use
from scar.aws.client.errors import translated
from scar.aws.client.waiter import Patience, Stop
from scar.aws.handlers.batch import ComputeEnvironmentHandler, JobQueueHandler
from scar.aws.handlers.batch_target import RunsElsewhereHandler
from scar.aws.handlers.ecr import (
    ImageHandler,
    OldImageHandler,
    OldRepositoryHandler,
    RepositoryHandler,
)
from scar.aws.handlers.functions import EventInvokeHandler, FunctionHandler, PermissionHandler
from scar.aws.handlers.iam import InstanceProfileHandler, RoleHandler
from scar.aws.handlers.job_definitions import JobDefinitionHandler
from scar.aws.handlers.launch_templates import LaunchTemplateHandler
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.handlers.s3 import BucketHandler, StateBucketHandler
from scar.aws.model import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scar.aws.client.connection import Connection, Service
    from scar.aws.handlers.base import Handler
    from scar.aws.handlers.image_store import ImageStore
    from scar.aws.model.resources import Key, Resource

PARALLEL = 24


@dataclass(frozen=True, slots=True)
class Cloud:
    """Reads and changes resources of any kind; raises ScarError, naming resource and principal."""

    makers: Mapping[type[Resource], Callable[[], Handler[Any]]]
    who: Callable[[], str] = str
    stop: Stop = field(default_factory=Stop)
    _made: dict[type[Resource], Handler[Any]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        connection: Connection,
        images: ImageStore,
        report: Callable[[str], None] = lambda _: None,
        *,
        soon: Sequence[Service] = (),
    ) -> Self:
        """Connect the handlers, each when it is first used; ``report`` hears of long waits.

        Clients of the services ``soon`` are made before the others.
        """
        connection.client("sts")
        connection.make_ready("s3", *soon, "lambda", "iam", "ecr", "logs", "batch")
        stop = Stop()
        patience = Patience(sleep=stop.sleep, tell=report)
        role_patience = Patience(seconds=60, first=1, every=8, sleep=stop.sleep, tell=report)
        trigger_patience = replace(role_patience, seconds=30.0, every=4.0)
        client = connection.client

        def region() -> str:
            return connection.account.region

        makers: dict[type[Resource], Callable[[], Handler[Any]]] = {
            kinds.StateBucket: lambda: StateBucketHandler(client("s3"), region()),
            kinds.Bucket: lambda: BucketHandler(client("s3"), region()),
            kinds.LogGroup: lambda: LogGroupHandler(client("logs")),
            kinds.Role: lambda: RoleHandler(client("iam")),
            kinds.InstanceProfile: lambda: InstanceProfileHandler(
                client("iam"), replace(patience, seconds=60.0)
            ),
            kinds.Repository: lambda: RepositoryHandler(client("ecr")),
            kinds.Image: lambda: ImageHandler(images, stop.check),
            kinds.OldImage: lambda: OldImageHandler(
                client("ecr"), lambda image: bool(in_use(connection, [image]))
            ),
            kinds.OldRepository: lambda: OldRepositoryHandler(client("ecr")),
            kinds.LambdaFunction: lambda: FunctionHandler(
                client("lambda"), patience, role_patience
            ),
            kinds.EventInvokeConfig: lambda: EventInvokeHandler(client("lambda"), role_patience),
            kinds.RunsElsewhere: lambda: RunsElsewhereHandler(client("s3")),
            kinds.InvokePermission: lambda: PermissionHandler(client("lambda")),
            kinds.BucketNotification: lambda: NotificationHandler(client("s3"), trigger_patience),
            kinds.ComputeEnvironment: lambda: ComputeEnvironmentHandler(client("batch"), patience),
            kinds.LaunchTemplate: lambda: LaunchTemplateHandler(client("ec2")),
            kinds.JobQueue: lambda: JobQueueHandler(client("batch"), patience),
            kinds.JobDefinition: lambda: JobDefinitionHandler(client("batch"), region()),
        }
        return cls(makers, lambda: connection.principal, stop)

    def observe(self, resources: Iterable[Resource]) -> dict[Key, Resource]:
        """Read what is there of these, several at a time."""
        sought = list(resources)
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = [r for r in pool.map(self.read, sought) if r is not None]
        return {resource.key: resource for resource in found}

    def read(self, resource: Resource) -> Resource | None:
        with translated(f"read {resource.key}", self.who()):
            found: Resource | None = self._of(resource).read(resource)
        return found

    def create(self, resource: Resource) -> None:
        with translated(f"create {resource.key}", self.who()):
            self._of(resource).create(resource)

    def update(self, observed: Resource, desired: Resource) -> None:
        with translated(f"update {desired.key}", self.who()):
            self._of(desired).update(observed, desired)

    def delete(self, resource: Resource) -> None:
        with translated(f"delete {resource.key}", self.who()):
            self._of(resource).delete(resource)

    def _of(self, resource: Resource) -> Handler[Any]:
        kind = type(resource)
        # Two threads may both make one; the first is everybody's.
        return self._made.get(kind) or self._made.setdefault(kind, self.makers[kind]())
