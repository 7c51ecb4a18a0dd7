"""All handlers of one connection: which kind of resource is served by which."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from scar.aws import resources as kinds
from scar.aws.faults import translated
from scar.aws.handlers.batch import ComputeEnvironmentHandler, JobQueueHandler
from scar.aws.handlers.definitions import JobDefinitionHandler
from scar.aws.handlers.delegation import RunsElsewhereHandler
from scar.aws.handlers.ecr import (
    ImageHandler,
    OldImageHandler,
    OldRepositoryHandler,
    RepositoryHandler,
)
from scar.aws.handlers.functions import EventInvokeHandler, FunctionHandler, PermissionHandler
from scar.aws.handlers.iam import InstanceProfileHandler, RoleHandler
from scar.aws.handlers.launch_templates import LaunchTemplateHandler
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.handlers.s3 import BucketHandler, StateBucketHandler
from scar.aws.old_images import in_use
from scar.aws.wait import Patience, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from scar.aws.connection import Connection
    from scar.aws.handlers.base import Handler
    from scar.aws.handlers.ecr import ImageStore
    from scar.aws.resources import Key, Resource

PARALLEL = 24


@dataclass(frozen=True, slots=True)
class Cloud:
    """Reads and changes resources of any kind; raises ScarError, naming resource and principal."""

    handlers: Mapping[type[Resource], Handler[Any]]
    who: str = ""
    stop: Stop = field(default_factory=Stop)

    @classmethod
    def of(
        cls,
        connection: Connection,
        images: ImageStore,
        report: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Connect the handlers; ``report`` hears what long waits wait for."""
        stop = Stop()
        patience = Patience(sleep=stop.sleep, tell=report)
        role_patience = Patience(seconds=60, first=1, every=8, sleep=stop.sleep, tell=report)
        with ThreadPoolExecutor(1) as pool:
            # Making clients takes as long as a call: ask meanwhile whose account this is.
            asking = pool.submit(lambda: connection.account)
            lambda_, batch = connection.client("lambda"), connection.client("batch")
            s3, iam = connection.client("s3"), connection.client("iam")
            ecr, logs = connection.client("ecr"), connection.client("logs")
            asking.result()
        region = connection.account.region
        return cls(
            {
                kinds.StateBucket: StateBucketHandler(s3, region),
                kinds.Bucket: BucketHandler(s3, region),
                kinds.LogGroup: LogGroupHandler(logs),
                kinds.Role: RoleHandler(iam),
                kinds.InstanceProfile: InstanceProfileHandler(iam),
                kinds.Repository: RepositoryHandler(ecr),
                kinds.Image: ImageHandler(images, stop.check),
                kinds.OldImage: OldImageHandler(
                    ecr, lambda image: bool(in_use(connection, [image]))
                ),
                kinds.OldRepository: OldRepositoryHandler(ecr),
                kinds.LambdaFunction: FunctionHandler(lambda_, patience, role_patience),
                kinds.EventInvokeConfig: EventInvokeHandler(lambda_, role_patience),
                kinds.RunsElsewhere: RunsElsewhereHandler(s3),
                kinds.InvokePermission: PermissionHandler(lambda_),
                kinds.BucketNotification: NotificationHandler(
                    s3, replace(role_patience, seconds=30.0, every=4.0)
                ),
                kinds.ComputeEnvironment: ComputeEnvironmentHandler(batch, patience),
                kinds.LaunchTemplate: LaunchTemplateHandler(lambda: connection.client("ec2")),
                kinds.JobQueue: JobQueueHandler(batch, patience),
                kinds.JobDefinition: JobDefinitionHandler(batch, region),
            },
            connection.principal,
            stop,
        )

    def observe(self, resources: Iterable[Resource]) -> dict[Key, Resource]:
        """Read what is there of these, several at a time."""
        sought = list(resources)
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = [r for r in pool.map(self.read, sought) if r is not None]
        return {resource.key: resource for resource in found}

    def read(self, resource: Resource) -> Resource | None:
        with translated(f"read {resource.key}", self.who):
            found: Resource | None = self._of(resource).read(resource)
        return found

    def create(self, resource: Resource) -> None:
        with translated(f"create {resource.key}", self.who):
            self._of(resource).create(resource)

    def update(self, observed: Resource, desired: Resource) -> None:
        with translated(f"update {desired.key}", self.who):
            self._of(desired).update(observed, desired)

    def delete(self, resource: Resource) -> None:
        with translated(f"delete {resource.key}", self.who):
            self._of(resource).delete(resource)

    def _of(self, resource: Resource) -> Handler[Any]:
        return self.handlers[type(resource)]
