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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scar.aws.composing import FunctionImages
    from scar.aws.connection import Connection
    from scar.aws.function import Function
    from scar.aws.listing import FunctionSummary, InputFolder
    from scar.aws.plan import Plan
    from scar.aws.resources import Resource
    from scar.cli.target import ConnectionTarget
    from scar.image.blobs import BlobCache
    from scar.image.source import ImageStore
    from scar.local.control import Control
    from scar.runs.call import Answer, Input
    from scar.runs.ledger import Run


@dataclass(frozen=True, slots=True)
class Services:
    """AWS, the local cloud and image stores, as the environment variables configure them.

    Methods import their libraries when they are called, so that ``scar --help`` loads none.
    """

    environment: Mapping[str, str]

    # Connections

    def local_cloud(self) -> Control:
        """Return the control of the local cloud: start, stop, status."""
        from scar.local.control import Control
        from scar.local.home import Home

        return Control(Home.of(self.environment), self.environment)

    def connect(self, target: ConnectionTarget) -> Connection:
        """Connect to AWS, or to the local cloud, which is started if it does not run.

        ``Connection.description`` names the account and Region. Raise ConfigurationError if
        there are no usable credentials.
        """
        from scar.cli.connect import connect_to_aws, connect_to_local_cloud

        if target.local:
            return connect_to_local_cloud(self.local_cloud().ensure_started(), target)
        return connect_to_aws(target)

    # Images

    @contextmanager
    def open_function_images(
        self, connection: Connection, report: Callable[[str], None]
    ) -> Iterator[FunctionImages]:
        """Open the builder of function images; layers are readable until it is closed."""
        from scar.aws.composing import FunctionImages
        from scar.image.bundle import find_bundle

        with self.open_image_stores(lambda: connection) as stores:
            yield FunctionImages(
                connection=connection,
                bundle=find_bundle,
                cache=self.image_cache(),
                stores=stores,
                report=report,
            )

    @contextmanager
    def open_image_stores(
        self, connect: Callable[[], Connection]
    ) -> Iterator[Sequence[ImageStore]]:
        """Open the stores to search for an image: this machine first, then all registries.

        ``connect`` is called only for an image in Amazon ECR.
        """
        from scar.aws.logins import RegistryLogins
        from scar.image.credentials import DockerConfig
        from scar.image.docker_store import stores
        from scar.image.pull import Registries

        logins = RegistryLogins(connect, DockerConfig.of_user(self.environment))
        with Registries(logins) as registries:
            yield [*stores(self.environment), registries]

    def image_cache(self) -> BlobCache:
        """Return the user's cache of layers that were read from this machine."""
        from scar.image.blobs import BlobCache

        return BlobCache.of_user(self.environment)

    # Functions

    def list_functions(self, connection: Connection) -> Sequence[FunctionSummary]:
        """Return the deployed functions of the account."""
        from scar.aws.listing import list_functions

        return list_functions(connection)

    def list_function_names(self, connection: Connection) -> Sequence[str]:
        """Return the names of all functions, also of those that are only partly deployed."""
        from scar.aws.deploy import every_function

        return every_function(connection)

    def function_resources(self, connection: Connection, function: str) -> Sequence[Resource]:
        """Return the deployed resources of a function, the function first; empty if none."""
        from scar.aws.parts import parts_of

        return parts_of(function, connection)

    def deploy(
        self,
        functions: Sequence[Function],
        connection: Connection,
        report: Callable[[str], None],
        *,
        dry_run: bool,
        progress: Callable[[str], None],
    ) -> Plan:
        """Create or update the functions; return the changes. ``report`` receives messages."""
        from scar.aws.deploy import init

        with self.open_function_images(connection, report) as images:
            images.progress.show = progress
            return init(functions, connection, report, images=images, dry_run=dry_run)

    def remove(
        self,
        names: Sequence[str],
        connection: Connection,
        report: Callable[[str], None],
        *,
        buckets: frozenset[str],
        force: bool,
        dry_run: bool,
    ) -> Plan:
        """Remove the functions; return the changes. ``buckets`` are removed if empty."""
        from scar.aws.deploy import remove

        return remove(names, connection, report, buckets=buckets, force=force, dry_run=dry_run)

    # Invocations and runs

    def invoke(
        self, connection: Connection, function: str, payload: dict[str, object], *, timeout: int
    ) -> Answer:
        """Invoke a function and wait for its answer; ``timeout`` is the function's, in seconds."""
        from scar.runs.call import invoke

        return invoke(connection, function, payload, timeout=timeout)

    def enqueue(self, connection: Connection, function: str, payload: dict[str, object]) -> str:
        """Invoke a function asynchronously; return the request id."""
        from scar.runs.call import enqueue

        return enqueue(connection, function, payload)

    def latest_runs(self, connection: Connection, function: str) -> Mapping[str, Run]:
        """Return the latest run on each object, by the first half of its run id."""
        from scar.runs.ledger import Ledger
        from scar.runs.progress import latest_runs

        return latest_runs(Ledger.of(connection), function)

    def list_input_objects(self, connection: Connection, folder: InputFolder) -> Iterator[Input]:
        """Yield the objects of a folder that start its function; folder markers do not."""
        from scar.runs.call import Input
        from scar.transfer.client import transfer_client
        from scar.transfer.objects import list_objects
        from scar.transfer.place import Place

        place = Place.parse(folder.path)
        for entry in list_objects(transfer_client(connection), place):
            if not entry.key.endswith("/") and entry.key.endswith(folder.suffix):
                yield Input(
                    bucket=place.bucket,
                    key=entry.key,
                    size=entry.size,
                    etag=entry.etag,
                    modified=entry.modified,
                )
