"""What commands reach outside their process. Tests put another in its place."""

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
    from scar.cli.session import Target
    from scar.image.blobs import BlobCache
    from scar.image.source import ImageStore
    from scar.local.control import Control
    from scar.runs.call import Answer, Input
    from scar.runs.ledger import Run


@dataclass(frozen=True, slots=True)
class World:
    """AWS or what stands for it, as the environment and the user's files describe it."""

    environment: Mapping[str, str]

    def control(self) -> Control:
        """Return the control of the local cloud."""
        from scar.local.control import Control
        from scar.local.home import Home

        return Control(Home.of(self.environment), self.environment)

    def connect(self, target: Target) -> Connection:
        """Connect to the target; start the local cloud if it is meant and does not run.

        The description says where to. Raises ConfigurationError without usable credentials.
        """
        from scar.cli.connect import to_aws, to_local

        if target.local:
            return to_local(self.control().ensure_started(), target)
        return to_aws(target)

    def functions(self, connection: Connection) -> Sequence[FunctionSummary]:
        from scar.aws.listing import list_functions

        return list_functions(connection)

    def deploy(
        self,
        functions: Sequence[Function],
        connection: Connection,
        report: Callable[[str], None],
        *,
        dry_run: bool,
        progress: Callable[[str], None],
    ) -> Plan:
        from scar.aws.deploy import init

        with self.function_images(connection, report) as images:
            images.progress.show = progress
            return init(functions, connection, report, images=images, dry_run=dry_run)

    @contextmanager
    def function_images(
        self, connection: Connection, report: Callable[[str], None]
    ) -> Iterator[FunctionImages]:
        """Open what composes images of functions; their layers can be read as long as it is."""
        from scar.aws.composing import FunctionImages
        from scar.image.bundle import find_bundle

        with self.image_stores(lambda: connection) as places:
            yield FunctionImages(
                connection=connection,
                bundle=find_bundle,
                cache=self.image_cache(),
                stores=places,
                report=report,
            )

    @contextmanager
    def image_stores(self, connect: Callable[[], Connection]) -> Iterator[Sequence[ImageStore]]:
        """Open the places of images: those on this machine first, then all registries.

        ``connect`` is called if an image is in ECR.
        """
        from scar.aws.logins import RegistryLogins
        from scar.image.credentials import DockerConfig
        from scar.image.docker_store import stores
        from scar.image.pull import Registries

        logins = RegistryLogins(connect, DockerConfig.of_user(self.environment))
        with Registries(logins) as registries:
            yield [*stores(self.environment), registries]

    def image_cache(self) -> BlobCache:
        """Return where layers are kept that were read from this machine."""
        from scar.image.blobs import BlobCache

        return BlobCache.of_user(self.environment)

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
        from scar.aws.deploy import remove

        return remove(names, connection, report, buckets=buckets, force=force, dry_run=dry_run)

    def deployed_parts(self, connection: Connection, function: str) -> Sequence[Resource]:
        """Return what is there of a function, the function first; empty if it is not there."""
        from scar.aws.parts import parts_of

        return parts_of(function, connection)

    def every_function(self, connection: Connection) -> Sequence[str]:
        from scar.aws.deploy import every_function

        return every_function(connection)

    def invoke(
        self, connection: Connection, function: str, payload: dict[str, object], *, timeout: int
    ) -> Answer:
        from scar.runs.call import invoke

        return invoke(connection, function, payload, timeout=timeout)

    def enqueue(self, connection: Connection, function: str, payload: dict[str, object]) -> str:
        from scar.runs.call import enqueue

        return enqueue(connection, function, payload)

    def latest_runs(self, connection: Connection, function: str) -> Mapping[str, Run]:
        """Return the latest run on each object, by the first half of its id."""
        from scar.runs.ledger import Ledger
        from scar.runs.progress import latest_runs

        return latest_runs(Ledger.of(connection), function)

    def inputs(self, connection: Connection, folder: InputFolder) -> Iterator[Input]:
        """Yield the objects of a folder that an event may name."""
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
