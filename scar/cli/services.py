"""The services that commands use outside their own process.

A method belongs here only if it needs the user's environment, or if unit tests of commands must
replace it because it would use the network. All other work is done with the ``Connection`` that
``connect`` returns: commands pass it to ``scar.runs`` and ``scar.transfer`` directly. A new
command therefore rarely needs a new method, neither here nor in ``tests/fakes/services.py``.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.client.target import ConnectionTarget
    from scar.aws.deploy.remove import RemovalOptions
    from scar.aws.images.image_builder import FunctionImageBuilder
    from scar.aws.inventory.endpoints import Endpoint
    from scar.aws.inventory.functions import FunctionSummary, InputFolder
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource
    from scar.image.formats.blobs import BlobCache
    from scar.image.formats.resolver import ImageSource
    from scar.local.control import LocalCloudControl
    from scar.runs.invoke import InputObject, InvocationResponse
    from scar.runs.ledger import Run
    from supervisor.job_model import BatchTarget, JobOptions


@dataclass(frozen=True, slots=True)
class Services:
    """AWS, the local cloud and image stores, as the environment variables configure them.

    Methods import their libraries when they are called, so that ``scar --help`` loads none.
    """

    environment: Mapping[str, str]

    # Connections

    def local_cloud(self) -> LocalCloudControl:
        """Return the control of the local cloud: start, stop, status."""
        from scar.local.control import LocalCloudControl
        from scar.local.home import LocalCloudHome

        return LocalCloudControl(
            LocalCloudHome.from_environment(self.environment), self.environment
        )

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        """Connect to AWS, or to the local cloud, which is started if it does not run.

        ``Connection.description`` names the account and Region. Raise ConfigurationError if
        there are no usable credentials.
        """
        if target.local:
            from scar.local.connect import connect_to_local_cloud

            return connect_to_local_cloud(self.local_cloud().ensure_started(), target)
        from scar.aws.client.connect import connect_to_aws

        return connect_to_aws(target)

    # Images

    @contextmanager
    def open_function_images(
        self, connection: AwsConnection, report: Callable[[str], None]
    ) -> Iterator[FunctionImageBuilder]:
        """Open the builder of function images; layers are readable until it is closed."""
        from scar.aws.images.image_builder import FunctionImageBuilder
        from scar.image.compose.supervisor_bundle import find_bundle

        with self.open_image_stores(lambda: connection) as stores:
            yield FunctionImageBuilder(
                connection=connection,
                find_bundle=find_bundle,
                cache=self.image_cache(),
                image_stores=stores,
                report=report,
            )

    @contextmanager
    def open_image_stores(
        self, connect: Callable[[], AwsConnection]
    ) -> Iterator[Sequence[ImageSource]]:
        """Open the stores to search for an image: this machine first, then all registries.

        ``connect`` is called only for an image in Amazon ECR.
        """
        from scar.aws.images.registry_logins import RegistryLogins
        from scar.image.formats.docker_source import find_docker_sources
        from scar.image.registry.credentials import DockerConfig
        from scar.image.registry.pull import RegistryImageSource

        logins = RegistryLogins(connect, DockerConfig.from_environment(self.environment))
        with RegistryImageSource(logins) as registries:
            yield [*find_docker_sources(self.environment), registries]

    def image_cache(self) -> BlobCache:
        """Return the user's cache of layers that were read from this machine."""
        from scar.image.formats.blobs import BlobCache

        return BlobCache.from_environment(self.environment)

    # Functions

    def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        """Return the deployed functions of the account."""
        from scar.aws.inventory.functions import list_functions

        return list_functions(connection)

    def read_endpoints(
        self, connection: AwsConnection, endpoints: Mapping[str, Endpoint]
    ) -> Mapping[str, Endpoint]:
        """Return the HTTP endpoints of functions with their addresses."""
        from scar.aws.inventory.endpoints import read_endpoints

        return read_endpoints(connection, endpoints)

    def describe_unusable_queues(
        self, connection: AwsConnection, queues: Iterable[str]
    ) -> Mapping[str, str]:
        """Return, by queue, why Batch cannot start its jobs; usable queues are left out."""
        from scar.aws.inventory.unusable_queues import describe_all_unusable

        named = {*queues} - {""}
        return describe_all_unusable(connection.client("batch"), named) if named else {}

    def list_function_names(self, connection: AwsConnection) -> Sequence[str]:
        """Return the names of all functions, also of those that are only partly deployed."""
        from scar.aws.deploy.deploy import list_function_names

        return list_function_names(connection)

    def list_scar4_functions(self, connection: AwsConnection) -> Sequence[str]:
        """Return the names of the functions that SCAR 4 made."""
        from scar.aws.inventory.scar4.functions import list_scar4_functions

        return list_scar4_functions(connection)

    def raise_if_made_by_scar4(self, connection: AwsConnection, function: str) -> None:
        """Raise MadeByScar4Error if SCAR 4 made the function."""
        from scar.aws.inventory.scar4.functions import raise_if_made_by_scar4

        raise_if_made_by_scar4(connection, function)

    def function_resources(self, connection: AwsConnection, function: str) -> Sequence[Resource]:
        """Return the deployed resources of a function, the function first; empty if none."""
        from scar.aws.inventory.function_resources import read_function_resources

        return read_function_resources(function, connection)

    def deploy(  # noqa: PLR0913 one argument per option
        self,
        functions: Sequence[Function],
        connection: AwsConnection,
        report: Callable[[str], None],
        *,
        dry_run: bool,
        progress: Callable[[str], None],
        disabled: Sequence[str] = (),
        refresh: bool = False,
    ) -> Plan:
        """Create or update the functions; return the changes. ``report`` receives messages.

        ``disabled`` are the names of functions that must not be deployed. With ``refresh`` all
        resources are read, also if the last deployment applied the same state.
        """
        from scar.aws.deploy.deploy import init
        from scar.aws.images.image_changes import add_image_changes

        with self.open_function_images(connection, report) as images:
            images.show_progress = progress
            plan = init(
                functions,
                connection,
                report,
                images=images,
                disabled=disabled,
                dry_run=dry_run,
                refresh=refresh,
            )
            return add_image_changes(plan, images) if dry_run else plan

    def remove(
        self,
        names: Sequence[str],
        connection: AwsConnection,
        report: Callable[[str], None],
        options: RemovalOptions,
        *,
        dry_run: bool,
    ) -> Plan:
        """Remove the functions; return the changes."""
        from scar.aws.deploy.deploy import remove

        return remove(names, connection, report, options, dry_run=dry_run)

    # Invocations and runs

    def find_endpoint(
        self, connection: AwsConnection, function: FunctionSummary
    ) -> Endpoint | None:
        """Return the HTTP endpoint of a function; None without one."""
        from scar.aws.inventory.endpoint_address import find_endpoint

        return find_endpoint(connection, function)

    def invoke(
        self, connection: AwsConnection, function: str, payload: dict[str, object], *, timeout: int
    ) -> InvocationResponse:
        """Invoke a function and wait for its response; ``timeout`` is its own, in seconds."""
        from scar.runs.invoke import invoke_function

        return invoke_function(connection, function, payload, timeout=timeout)

    def require_job_options(
        self,
        connection: AwsConnection,
        function: FunctionSummary,
        options: JobOptions,
        *,
        by_file: bool,
    ) -> BatchTarget:
        """Raise UsageError if jobs cannot have the options; ``by_file``: those of no file can.

        Return what ``require_event_options`` checks each file with.
        """
        from scar.aws.inventory.job_options import require_job_options

        return require_job_options(
            connection, function.name, function.mode, options, by_file=by_file
        )

    def enqueue(self, connection: AwsConnection, function: str, payload: dict[str, object]) -> str:
        """Invoke a function asynchronously; return the request id."""
        from scar.runs.invoke import enqueue

        return enqueue(connection, function, payload)

    def latest_runs(self, connection: AwsConnection, function: str) -> Mapping[str, Run]:
        """Return the latest run on each object, by the first half of its run id."""
        from scar.runs.ledger import RunLedger
        from scar.runs.progress import latest_runs_by_input

        return latest_runs_by_input(RunLedger.connect(connection), function)

    def list_folders(self, connection: AwsConnection, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders ``bucket/folder`` whose keys begin with the prefix, up to 1,000."""
        from scar.transfer.objects import list_folders

        return list_folders(connection.object_client(), bucket, prefix)

    def list_input_objects(
        self, connection: AwsConnection, folder: InputFolder
    ) -> Iterator[InputObject]:
        """Yield the objects of a folder that start its function; folder markers do not."""
        from scar.runs.invoke import InputObject
        from scar.transfer.location import S3Location
        from scar.transfer.objects import list_objects
        from supervisor.events.folder_markers import is_folder_marker

        location = S3Location.parse(f"{folder.path}/")
        for entry in list_objects(connection.object_client(), location):
            is_marker = is_folder_marker(entry.key, entry.size)
            if not is_marker and entry.key.endswith(folder.suffix):
                yield InputObject(
                    bucket=location.bucket,
                    key=entry.key,
                    size=entry.size,
                    etag=entry.etag,
                    modified=entry.modified,
                )
