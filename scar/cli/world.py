"""What commands reach outside their process. Tests put another in its place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.images.image_builder import FunctionImageBuilder
    from scar.aws.inventory.functions import FunctionSummary, InputFolder
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource
    from scar.cli.session import Target
    from scar.image.formats.blobs import BlobCache
    from scar.image.formats.resolver import ImageSource
    from scar.local.control import LocalCloudControl
    from scar.runs.invoke import InputObject, InvocationResponse
    from scar.runs.ledger import Run


@dataclass(frozen=True, slots=True)
class World:
    """AWS or what stands for it, as the environment and the user's files describe it."""

    environment: Mapping[str, str]

    def control(self) -> LocalCloudControl:
        """Return the control of the local cloud."""
        from scar.local.control import LocalCloudControl
        from scar.local.home import LocalCloudHome

        return LocalCloudControl(
            LocalCloudHome.from_environment(self.environment), self.environment
        )

    def connect(self, target: Target) -> AwsConnection:
        """Connect to the target; start the local cloud if it is meant and does not run.

        The description says where to. Raises ConfigurationError without usable credentials.
        """
        from scar.cli.connecting import to_aws, to_local

        if target.local:
            return to_local(self.control().ensure_started(), target)
        return to_aws(target)

    def functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        from scar.aws.inventory.functions import list_functions

        return list_functions(connection)

    def deploy(
        self,
        functions: Sequence[Function],
        connection: AwsConnection,
        report: Callable[[str], None],
        *,
        dry_run: bool,
        progress: Callable[[str], None],
    ) -> Plan:
        from scar.aws.deploy.deploy import init

        with self.function_images(connection, report) as images:
            images.progress.show = progress
            return init(functions, connection, report, images=images, dry_run=dry_run)

    @contextmanager
    def function_images(
        self, connection: AwsConnection, report: Callable[[str], None]
    ) -> Iterator[FunctionImageBuilder]:
        """Open what composes images of functions; their layers can be read as long as it is."""
        from scar.aws.images.image_builder import FunctionImageBuilder
        from scar.image.compose.supervisor_bundle import find_bundle

        with self.image_stores(lambda: connection) as places:
            yield FunctionImageBuilder(
                connection=connection,
                find_bundle=find_bundle,
                cache=self.image_cache(),
                image_stores=places,
                report=report,
            )

    @contextmanager
    def image_stores(self, connect: Callable[[], AwsConnection]) -> Iterator[Sequence[ImageSource]]:
        """Open the places of images: those on this machine first, then all registries.

        ``connect`` is called if an image is in ECR.
        """
        from scar.aws.images.registry_logins import RegistryLogins
        from scar.image.formats.docker_source import find_docker_sources
        from scar.image.registry.credentials import DockerConfig
        from scar.image.registry.pull import RegistryImageSource

        logins = RegistryLogins(connect, DockerConfig.from_environment(self.environment))
        with RegistryImageSource(logins) as registries:
            yield [*find_docker_sources(self.environment), registries]

    def image_cache(self) -> BlobCache:
        """Return where layers are kept that were read from this machine."""
        from scar.image.formats.blobs import BlobCache

        return BlobCache.from_environment(self.environment)

    def remove(
        self,
        names: Sequence[str],
        connection: AwsConnection,
        report: Callable[[str], None],
        *,
        buckets: frozenset[str],
        force: bool,
        dry_run: bool,
    ) -> Plan:
        from scar.aws.deploy.deploy import remove

        return remove(names, connection, report, buckets=buckets, force=force, dry_run=dry_run)

    def deployed_parts(self, connection: AwsConnection, function: str) -> Sequence[Resource]:
        """Return what is there of a function, the function first; empty if it is not there."""
        from scar.aws.inventory.functions import read_function_resources

        return read_function_resources(function, connection)

    def every_function(self, connection: AwsConnection) -> Sequence[str]:
        from scar.aws.deploy.deploy import list_function_names

        return list_function_names(connection)

    def invoke(
        self, connection: AwsConnection, function: str, payload: dict[str, object], *, timeout: int
    ) -> InvocationResponse:
        from scar.runs.invoke import invoke_function

        return invoke_function(connection, function, payload, timeout=timeout)

    def enqueue(self, connection: AwsConnection, function: str, payload: dict[str, object]) -> str:
        from scar.runs.invoke import enqueue

        return enqueue(connection, function, payload)

    def latest_runs(self, connection: AwsConnection, function: str) -> Mapping[str, Run]:
        """Return the latest run on each object, by the first half of its id."""
        from scar.runs.ledger import RunLedger
        from scar.runs.progress import latest_runs_by_input

        return latest_runs_by_input(RunLedger.connect(connection), function)

    def inputs(self, connection: AwsConnection, folder: InputFolder) -> Iterator[InputObject]:
        """Yield the objects of a folder that an event may name."""
        from scar.runs.invoke import InputObject
        from scar.transfer.client import transfer_client
        from scar.transfer.location import S3Location
        from scar.transfer.objects import list_objects

        place = S3Location.parse(folder.path)
        for entry in list_objects(transfer_client(connection), place):
            if not entry.key.endswith("/") and entry.key.endswith(folder.suffix):
                yield InputObject(
                    bucket=place.bucket,
                    key=entry.key,
                    size=entry.size,
                    etag=entry.etag,
                    modified=entry.modified,
                )
