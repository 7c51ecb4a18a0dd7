"""Jobs as processes of dask's SpecCluster: workers, and a scheduler in a job."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from scar.cluster.cluster_jobs import new_member_id
from scar.cluster.scheduler_wait import is_listening, wait_for_scheduler
from scar.errors import ScarError
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from scar.cluster.cluster_function import MemberSize
    from scar.cluster.cluster_jobs import ClusterJobs
    from scar.cluster.staging import ClusterStage

LOG = logging.getLogger("scar.cluster")
P = ParamSpec("P")
R = TypeVar("R")


async def call_in_thread(
    executor: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call a function that waits for AWS in a thread; at the interpreter's exit, in this one."""
    loop = asyncio.get_running_loop()
    try:
        future = loop.run_in_executor(executor, lambda: function(*args, **kwargs))
    except RuntimeError:  # Python starts no threads any more when atexit closes the cluster
        return function(*args, **kwargs)
    return await future


class JobProcess(ProcessInterface):
    """A process that is a job. Its end is asked for at AWS, and does not raise."""

    def __init__(self, jobs: ClusterJobs, executor: Executor) -> None:
        super().__init__()
        self.jobs = jobs
        self.executor = executor
        self.job = ""

    async def submit(self, member: str, name: str, resources: MemberSize | None) -> None:
        """Submit the job; raise ScarError."""
        try:
            # One attempt: dask replaces workers that it has lost, and no scheduler survives.
            self.job = await call_in_thread(
                self.executor, self.jobs.submit, member, name, resources, attempts=1
            )
        except ScarError:
            self.status = Status.failed
            raise

    async def close(self) -> None:
        """Terminate the job, if it was submitted."""
        if self.job:
            try:
                await call_in_thread(self.executor, self.jobs.terminate, self.job)
            except ScarError as error:
                # It ends with the scheduler all the same; the other jobs must be ended, too.
                LOG.warning("%s %s", error.problem, error.remedy)
        await super().close()


class WorkerJob(JobProcess):
    """One worker. dask passes ``scheduler``; ``nthreads`` and ``memory_limit`` are for its scale().

    The scheduler's address is in the cluster's specification.
    """

    def __init__(
        self,
        scheduler: str,
        *,
        name: str,
        jobs: ClusterJobs,
        executor: Executor,
        resources: MemberSize,
        **_for_dask: Any,  # noqa: ANN401 - dask's own names
    ) -> None:
        del scheduler
        super().__init__(jobs, executor)
        self.name = name
        self.resources = resources

    async def start(self) -> None:
        """Submit the job; it joins the scheduler when Batch has a place for it."""
        await self.submit(new_member_id(self.name), self.name, self.resources)
        await super().start()


class SchedulerJob(JobProcess):
    """The scheduler in a job: ``address`` is known when it runs."""

    def __init__(
        self, *, jobs: ClusterJobs, executor: Executor, stage: ClusterStage, timeout: float
    ) -> None:
        super().__init__(jobs, executor)
        self.stage = stage
        self.timeout = timeout

    async def start(self) -> None:
        """Submit the job and wait for its address; raise ScarError."""
        await self.submit(cluster_record.SCHEDULER, cluster_record.SCHEDULER, None)
        try:
            self.address = await call_in_thread(self.executor, self._wait_until_it_listens)
        except ScarError:
            self.status = Status.failed
            await call_in_thread(self.executor, self.jobs.terminate, self.job)
            raise
        await super().start()

    def _wait_until_it_listens(self) -> str:
        return wait_for_scheduler(
            self.stage, self.jobs, self.job, self.timeout, is_ready=is_listening
        )
