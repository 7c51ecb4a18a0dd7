"""Read and change resources of any kind: each is passed to the handler of its kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from scar.aws.account.image_usage import images_in_use
from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import translate_errors
from scar.aws.client.waiter import CancelToken, Waiter
from scar.aws.handlers.batch.compute_environments import ComputeEnvironmentHandler
from scar.aws.handlers.batch.job_definitions import JobDefinitionHandler
from scar.aws.handlers.batch.job_queues import JobQueueHandler
from scar.aws.handlers.batch.scheduling_policies import SchedulingPolicyHandler
from scar.aws.handlers.batch_target import BatchTargetRecordHandler
from scar.aws.handlers.ecr import (
    EcrImageHandler,
    EcrRepositoryHandler,
    SupersededRepositoryHandler,
    UnusedImageHandler,
)
from scar.aws.handlers.endpoints.api_listing import ApiListing
from scar.aws.handlers.endpoints.function_urls import FunctionUrlHandler
from scar.aws.handlers.endpoints.http_apis import HttpApiHandler
from scar.aws.handlers.event_queues import SourceQueueHandler
from scar.aws.handlers.event_sources import EventSourceHandler
from scar.aws.handlers.functions import EventInvokeHandler, FunctionHandler
from scar.aws.handlers.iam import InstanceProfileHandler, RoleHandler
from scar.aws.handlers.invoke_permissions import PermissionHandler
from scar.aws.handlers.launch_templates import LaunchTemplateHandler
from scar.aws.handlers.logs import LogGroupHandler
from scar.aws.handlers.notifications import PATIENCE as NOTIFICATION_PATIENCE
from scar.aws.handlers.notifications import NotificationHandler
from scar.aws.handlers.parameters import SecretParameterHandler
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.handlers.state_bucket import StateBucketHandler
from scar.aws.model import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection, ServiceName
    from scar.aws.handlers.base import ResourceHandler
    from scar.aws.handlers.image_store import ImagePusher
    from scar.aws.model.resources import Resource, ResourceKey


@dataclass(frozen=True, slots=True)
class AwsResources:
    """Reads and changes resources; translates errors into ScarError with resource and caller."""

    factories: Mapping[type[Resource], Callable[[], ResourceHandler[Any]]]
    principal: Callable[[], str] = str
    cancel_token: CancelToken = field(default_factory=CancelToken)
    _handlers: dict[type[Resource], ResourceHandler[Any]] = field(default_factory=dict)

    @classmethod
    def connect(
        cls,
        connection: AwsConnection,
        images: ImagePusher,
        report: Callable[[str], None] | None = None,
        *,
        early_services: Sequence[ServiceName] = (),
    ) -> Self:
        """Return the handlers of a connection; each is created at its first use.

        ``report`` receives messages about long waits, also of those inside the clients' calls;
        by default the connection's.
        Clients are created in the background, those of ``early_services`` first.
        """
        connection.client("sts")
        connection.create_clients_in_background(
            "s3", *early_services, "lambda", "iam", "ecr", "logs", "batch"
        )
        waits = connection.waits
        waits.report, token = report or waits.report, waits.cancel_token
        default_waiter = Waiter(sleep=waits.pause, clock=waits.clock, report=waits.report)
        # S3 sees a new permission to invoke a function only after some seconds.
        notification_waiter = replace(
            default_waiter, timeout=NOTIFICATION_PATIENCE, first_delay=1.0, max_delay=8.0
        )
        client = connection.client

        def current_region() -> str:
            return connection.account.region

        factories: dict[type[Resource], Callable[[], ResourceHandler[Any]]] = {
            kinds.StateBucket: lambda: StateBucketHandler(client("s3"), current_region()),
            kinds.Bucket: lambda: BucketHandler(client("s3"), current_region()),
            kinds.LogGroup: lambda: LogGroupHandler(client("logs")),
            kinds.SecretParameter: lambda: SecretParameterHandler(client("ssm")),
            kinds.Role: lambda: RoleHandler(client("iam")),
            kinds.InstanceProfile: lambda: InstanceProfileHandler(client("iam")),
            kinds.EcrRepository: lambda: EcrRepositoryHandler(client("ecr")),
            kinds.EcrImage: lambda: EcrImageHandler(
                images, token.raise_if_cancelled, connection.recent_changes
            ),
            kinds.UnusedImage: lambda: UnusedImageHandler(
                client("ecr"), lambda image: bool(images_in_use(connection, [image]))
            ),
            kinds.SupersededRepository: lambda: SupersededRepositoryHandler(client("ecr")),
            kinds.LambdaFunction: lambda: FunctionHandler(client("lambda"), default_waiter),
            kinds.EventInvokeConfig: lambda: EventInvokeHandler(client("lambda")),
            kinds.SourceQueue: lambda: SourceQueueHandler(client("sqs")),
            kinds.EventSource: lambda: EventSourceHandler(client("lambda"), default_waiter),
            kinds.HttpApi: lambda: HttpApiHandler(
                client("apigatewayv2"),
                client("lambda"),
                ApiListing(client("apigatewayv2")),
                lambda: connection.account,
            ),
            kinds.FunctionUrl: lambda: FunctionUrlHandler(client("lambda")),
            kinds.BatchTargetRecord: lambda: BatchTargetRecordHandler(client("s3")),
            kinds.InvokePermission: lambda: PermissionHandler(client("lambda")),
            kinds.BucketNotification: lambda: NotificationHandler(
                client("s3"), notification_waiter, connection.skip_destination_validation
            ),
            kinds.ComputeEnvironment: lambda: ComputeEnvironmentHandler(
                client("batch"), default_waiter
            ),
            kinds.LaunchTemplate: lambda: LaunchTemplateHandler(client("ec2")),
            kinds.JobQueue: lambda: JobQueueHandler(client("batch"), default_waiter),
            kinds.SchedulingPolicy: lambda: SchedulingPolicyHandler(
                client("batch"), lambda: connection.account, default_waiter
            ),
            kinds.JobDefinition: lambda: JobDefinitionHandler(client("batch"), current_region()),
        }
        return cls(factories, lambda: connection.principal, token)

    def observe(self, resources: Iterable[Resource]) -> dict[ResourceKey, Resource]:
        """Return the resources that exist, by key; reads many in parallel."""
        requested = list(resources)
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = [r for r in pool.map(self.read, requested) if r is not None]
        return {resource.key: resource for resource in found}

    def read(self, resource: Resource) -> Resource | None:
        with translate_errors(f"read {resource.key}", self.principal()):
            found: Resource | None = self._handler_for(resource).read(resource)
        return found

    def create(self, resource: Resource) -> None:
        with translate_errors(f"create {resource.key}", self.principal()):
            self._handler_for(resource).create(resource)

    def update(self, observed: Resource, desired: Resource) -> None:
        with translate_errors(f"update {desired.key}", self.principal()):
            self._handler_for(desired).update(observed, desired)

    def delete(self, resource: Resource) -> None:
        with translate_errors(f"delete {resource.key}", self.principal()):
            self._handler_for(resource).delete(resource)

    def _handler_for(self, resource: Resource) -> ResourceHandler[Any]:
        kind = type(resource)
        # Two threads may create one at the same time: `setdefault` makes both use the first, whose
        # locks and pending writes must be shared.
        return self._handlers.get(kind) or self._handlers.setdefault(kind, self.factories[kind]())
