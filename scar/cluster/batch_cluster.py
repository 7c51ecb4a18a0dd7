"""``BatchCluster``: a cluster of dask whose workers are Batch jobs of a deployed function."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, Self

from distributed import Scheduler
from distributed.core import Status
from distributed.deploy.spec import SpecCluster

from scar.aws.model import names
from scar.cluster import tls
from scar.cluster.cluster_function import choose_resources, find_cluster_function, read_job_target
from scar.cluster.cluster_jobs import (
    ClusterJobs,
    check_cluster_name,
    describe_states,
    new_cluster_name,
)
from scar.cluster.connecting import connect
from scar.cluster.exit_signals import exit_at_term
from scar.cluster.job_processes import SchedulerJob, WorkerJob, call_in_thread
from scar.cluster.staging import ClusterStage
from scar.cluster.worker_wait import WorkerCount, no_workers_error
from scar.errors import ScarError, UsageError
from supervisor.execution.staging import local_ip_address
from supervisor.runs.cluster_record import ClusterPath

if TYPE_CHECKING:
    from collections.abc import Generator

    from scar.aws.client.connection import AwsConnection

LOG = logging.getLogger("scar.cluster")
THREADS = 32  # requests to AWS at once; the client keeps to the rates of the account
LOOK_INTERVAL = 0.2  # seconds between two looks at the scheduler's list of workers
DESCRIBE_INTERVAL = 5.0  # seconds between two descriptions of the missing workers' jobs


class BatchCluster(SpecCluster):
    """A cluster of dask; its workers are Batch jobs of ``function``, which ``scar init`` deployed.

    With ``n`` workers, or ``adapt(minimum, maximum)`` afterwards. The constructor waits until all
    ``n`` have joined; after ``worker_timeout`` seconds it continues with those that have come, and
    raises NoWorkersError if there are none.

    ``scheduler``: ``process`` (in this process, which workers must be able to reach) or ``job`` (in
    a job of its own, which this process must be able to reach). ``vcpus`` and ``memory`` (MiB)
    replace those of the job definition. ``local``: use the local cloud; None: as SCAR_LOCAL says.
    ``host`` is the address at which a scheduler in this process listens. ``death_timeout``: seconds
    for which a worker looks for its scheduler. ``name``: lower-case letters, digits and hyphens.
    Other arguments are those of dask's SpecCluster.

    Connections are encrypted, and both sides show the cluster's own certificate. The jobs end with
    the block or program that created the cluster; if that is killed, they notice it and end.
    """

    def __init__(  # noqa: PLR0913 - one argument per option
        self,
        function: str,
        n: int = 0,
        *,
        scheduler: Literal["process", "job"] = "process",
        worker_timeout: float = 300.0,
        vcpus: float | None = None,
        memory: int | None = None,
        local: bool | None = None,
        region: str = "",
        profile: str = "",
        name: str = "",
        host: str = "",
        death_timeout: int = 60,
        connection: AwsConnection | None = None,
        **for_dask: Any,  # noqa: ANN401 - those of SpecCluster
    ) -> None:
        _check_arguments(n, scheduler, name)
        aws = connection or connect(local=local, region=region, profile=profile)
        batch, bucket = aws.client("batch"), names.state_bucket_name(aws.account)
        found = find_cluster_function(batch, function)
        path = ClusterPath(function=function, cluster=name or new_cluster_name())
        self.first_workers = n
        self.worker_timeout = worker_timeout
        self.death_timeout = death_timeout
        self.resources = choose_resources(found, vcpus, memory)
        self.jobs = ClusterJobs(
            batch=batch,
            bucket=bucket,
            function=found,
            target=read_job_target(aws, found),
            path=path,
        )
        self.stage = ClusterStage(s3=aws.client("s3"), bucket=bucket, path=path)
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="cluster")
        self._has_spec = self._has_waited = False
        security = tls.new_security()
        worker = {
            "cls": WorkerJob,
            "options": {
                "jobs": self.jobs,
                "executor": self._executor,
                "resources": self.resources,
                "nthreads": self.resources.threads,
                "memory_limit": f"{self.resources.memory}MiB",
            },
        }
        self._restore_signals = exit_at_term()
        try:
            super().__init__(
                workers={self._new_worker_name(i): worker for i in range(n)},
                worker=worker,
                scheduler=self._describe_scheduler(scheduler, host or _own_address(aws), security),
                security=security,
                name=path.cluster,
                **for_dask,
            )
            if not self.called_from_running_loop:
                self.sync(self._wait_for_first_workers)
        except BaseException as error:
            self._restore_signals()
            if hasattr(self, "status"):  # dask has accepted its arguments
                self.close()
            if isinstance(error.__cause__, ScarError):
                raise error.__cause__ from None  # dask's error says less
            raise

    def _describe_scheduler(self, where: str, host: str, security: object) -> dict[str, Any]:
        self._is_scheduler_here = where == "process"
        if self._is_scheduler_here:
            # The dashboard has neither encryption nor a password: for this machine only.
            options = {"dashboard": True, "dashboard_address": "127.0.0.1:0", "security": security}
            listen = {"protocol": "tls", "host": host, "port": 0}
            return {"cls": Scheduler, "options": {**options, **listen}}
        options = {
            "jobs": self.jobs,
            "executor": self._executor,
            "stage": self.stage,
            "timeout": self.worker_timeout,
        }
        return {"cls": SchedulerJob, "options": options}

    def _new_worker_name(self, worker_number: int) -> str:
        return f"worker-{worker_number}"

    async def _start(self) -> None:
        """Write the specification, before a scheduler's job and after a scheduler in this process.

        Workers are submitted only after this method.
        """
        if not self._is_scheduler_here:
            await self._write_spec("")
        await super()._start()
        if self._is_scheduler_here:
            await self._write_spec(self.scheduler.address)

    async def _write_spec(self, address: str) -> None:
        if self._has_spec or self.status in (Status.closed, Status.failed):
            return
        spec = tls.build_spec(
            self.security,
            self.resources,
            scheduler=address,
            death_timeout=self.death_timeout,
        )
        await call_in_thread(self._executor, self.stage.write_spec, spec)
        self._has_spec = True

    async def _wait_for_first_workers(self) -> None:
        """Wait for the first workers; raise NoWorkersError if none comes in time."""
        if self._has_waited:
            return
        self._has_waited = True
        loop = asyncio.get_running_loop()
        start = described = loop.time()
        while not self._count_workers({}).is_complete:
            await asyncio.sleep(LOOK_INTERVAL)
            now = loop.time()
            is_late = now - start >= self.worker_timeout
            if not is_late and now - described < DESCRIBE_INTERVAL:
                continue
            described = now
            count = self._count_workers(await self._describe_missing())
            if not is_late and not count.is_hopeless:
                continue
            if not count.present:
                raise no_workers_error(count, now - start, self.jobs.function.name)
            if not count.is_complete:
                LOG.warning("%s", count.describe_incomplete(now - start))
            return

    def _count_workers(self, states: dict[str, tuple[str, str]]) -> WorkerCount:
        present = len(self.scheduler_info["workers"])
        return WorkerCount(wanted=self.first_workers, present=present, states=states)

    async def _describe_missing(self) -> dict[str, tuple[str, str]]:
        joined = {worker["name"] for worker in self.scheduler_info["workers"].values()}
        missing = [w.job for name, w in self.workers.items() if name not in joined and w.job]
        return dict(await call_in_thread(self._executor, describe_states, self.jobs.batch, missing))

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from super().__await__()
        yield from self._wait_for_first_workers().__await__()
        return self

    async def _close(self) -> None:
        """Delete the private key first: a job that starts later ends at once."""
        if self._has_spec:
            self._has_spec = False
            try:
                await call_in_thread(self._executor, self.stage.delete_spec)
            except ScarError as error:
                LOG.warning("%s %s", error.problem, error.remedy)
        await super()._close()
        self._executor.shutdown(wait=False)

    def close(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - as dask has it
        """End all jobs and the scheduler."""
        self._restore_signals()
        return super().close(timeout)


def _check_arguments(n: int, scheduler: str, name: str) -> None:
    if n < 0:
        raise UsageError(f"n is {n}.", remedy="Use the number of workers, or 0 with adapt().")
    if scheduler not in ("process", "job"):
        raise UsageError(
            f"scheduler is {scheduler!r}.", remedy="Use 'process' (this one) or 'job'."
        )
    check_cluster_name(name)


def _own_address(aws: AwsConnection) -> str:
    """Return the address of this machine at which jobs reach it: loopback in the local cloud."""
    host = urllib.parse.urlsplit(aws.client("batch").meta.endpoint_url).hostname or ""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    return "127.0.0.1" if is_local else local_ip_address()
