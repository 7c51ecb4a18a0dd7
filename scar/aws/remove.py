"""Take functions away, and nothing that is not theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws import jobs, names
from scar.aws.apply import apply
from scar.aws.cloud import Cloud
from scar.aws.faults import translated
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory import Inventory
from scar.aws.listing import list_functions
from scar.aws.lock import DeployLock
from scar.aws.plan import Plan, plan
from scar.aws.resources import (
    Bucket,
    JobQueue,
    StateBucket,
)
from scar.aws.retire import unused_machines
from scar.aws.wait import Patience
from scar.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.aws.connection import Connection
    from scar.aws.jobs import ActiveJob
    from scar.aws.resources import Key, Resource


class _NoImages:
    """Removing looks for no image and pushes none: they go with their repository."""

    def holds(self, repository: str, digest: str) -> bool:
        del repository, digest
        return False

    def push(self, repository: str, digest: str) -> None:
        raise AssertionError(repository, digest)


NO_IMAGES = _NoImages()


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes functions by name; ``buckets`` are further ones that an FDL file mentions.

    Without ``force`` it refuses, before any change, while jobs of theirs run.
    """

    names: Sequence[str]
    connection: Connection
    report: Callable[[str], None]
    buckets: frozenset[str] = frozenset()
    force: bool = False
    patience: Patience = field(default_factory=Patience)

    def run(self, *, dry_run: bool = False) -> Plan:
        """Plan, and carry the plan out; return what was deleted (or would be)."""
        cloud = Cloud.of(self.connection, NO_IMAGES)
        if dry_run:
            return self._plan(Inventory(self.connection, cloud))
        state = StateBucket(name=names.state_bucket(self.connection.account))
        if cloud.read(state) is None:
            # Without a state bucket nothing was ever locked, and nobody else is at work.
            return self._carry_out(cloud)
        with DeployLock(s3=self.connection.client("s3"), bucket=state.name, report=self.report):
            return self._carry_out(cloud)

    def _carry_out(self, cloud: Cloud) -> Plan:
        inventory = Inventory(self.connection, cloud)
        self._end_jobs()
        todo = self._plan(inventory)
        apply(todo, cloud, self.report, undo=False)
        return todo

    def _plan(self, inventory: Inventory) -> Plan:
        observed: dict[Key, Resource] = {}
        for name in self.names:
            observed |= inventory.of_function(name)
        observed |= unused_machines(inventory, keep=(), changing=self.names)
        observed |= self._empty_buckets(inventory, observed)
        return plan((), observed)

    def _empty_buckets(
        self, inventory: Inventory, observed: dict[Key, Resource]
    ) -> dict[Key, Resource]:
        """Find the buckets scar made that hold no data and that no other function uses."""
        others = [f for f in list_functions(self.connection) if f.name not in self.names]
        used = {bucket for function in others for bucket in function.buckets}
        candidates = (inventory.buckets_of(observed.values()) | self.buckets) - used
        handler = BucketHandler(self.connection.client("s3"), self.connection.account.region)
        found: dict[Key, Resource] = {}
        for bucket in sorted(candidates):
            with translated(f"look into bucket {bucket}"):
                if handler.is_empty_and_ours(bucket):
                    resource = Bucket(name=bucket)
                    found[resource.key] = resource
        return found

    def _end_jobs(self) -> None:
        running = self._running()
        if running and not self.force:
            shown = ", ".join(sorted(job.name for job in running)[:5])
            raise Refused(
                f"{len(running)} jobs have not ended: {shown}{'…' if len(running) > 5 else ''}",
                remedy="Wait for them, or end them with --force.",
            )
        batch = self.connection.client("batch")
        for job in running:
            self.report(f"Ending job {job.name}")
            jobs.terminate(batch, job)
        ended = {job.id for job in running}
        self.patience.until(
            lambda: not ended & {job.id for job in self._running()}, "The end of the jobs"
        )

    def _running(self) -> list[ActiveJob]:
        """List the unfinished jobs of these functions, in whichever of scar's queues they wait."""
        batch = self.connection.client("batch")
        found = (job for queue in self._queues() for job in jobs.active(batch, queue))
        return [job for job in found if job.function in self.names]

    def _queues(self) -> list[str]:
        cloud = Cloud.of(self.connection, NO_IMAGES)
        machines = Inventory(self.connection, cloud).machines().values()
        return [r.name for r in machines if isinstance(r, JobQueue)]
