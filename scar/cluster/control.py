"""Start, scale, list and stop clusters whose scheduler is a job; for the command line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.cluster import require_dask
from scar.cluster.cluster_function import choose_resources, find_cluster_function, read_job_target
from scar.cluster.cluster_jobs import (
    ClusterJobs,
    list_member_jobs,
    new_cluster_name,
    new_member_id,
)
from scar.cluster.staging import ClusterStage, list_clusters
from scar.errors import ScarError
from scar.meter import format_count
from scar.transfer.pool import map_unordered
from supervisor.runs import cluster_record
from supervisor.runs.cluster_record import ClusterPath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.cluster.cluster_function import ClusterFunction, MemberSize
    from scar.cluster.cluster_jobs import MemberJob
    from supervisor.runs.cluster_record import ClusterSpec

PARALLEL = 8
STOP_PAUSE = 2.0  # seconds between two listings of jobs that are ending


class NoClusterError(ScarError):
    """The function has no cluster of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """What a new cluster is like; times in seconds, ``memory`` in MiB, None: the function's own."""

    workers: int
    vcpus: float | None = None
    memory: int | None = None
    death_timeout: int = 60
    idle_timeout: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One cluster of a function: access to its objects and jobs."""

    function: ClusterFunction
    stage: ClusterStage
    jobs: ClusterJobs

    @property
    def name(self) -> str:
        return self.jobs.path.cluster

    def list_jobs(self) -> list[MemberJob]:
        """Return the jobs that Batch lists, ended ones too."""
        return list(list_member_jobs(self.jobs.batch, self.function, self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSummary:
    """A row of the list: a cluster, the address of its scheduler's job, and its unfinished jobs.

    ``scheduler`` is the status of its job, or ``process`` if it is none; empty without one.
    """

    name: str
    scheduler: str
    address: str
    workers: dict[str, int]
    reasons: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


def open_cluster(connection: AwsConnection, function: str, name: str = "") -> Cluster:
    """Return access to a cluster, existing or not; without a name to a new one."""
    batch, s3 = connection.client("batch"), connection.client("s3")
    bucket = names.state_bucket_name(connection.account)
    found = find_cluster_function(batch, function)
    path = ClusterPath(function=function, cluster=name or new_cluster_name())
    return Cluster(
        function=found,
        stage=ClusterStage(s3=s3, bucket=bucket, path=path),
        jobs=ClusterJobs(
            batch=batch,
            bucket=bucket,
            function=found,
            target=read_job_target(connection, found),
            path=path,
        ),
    )


def start_cluster(
    cluster: Cluster, settings: ClusterSettings, report: Callable[[str], None] = lambda _: None
) -> tuple[str, ClusterSpec]:
    """Submit a scheduler and workers; return the scheduler's job and what clients need.

    Raise ClusterExistsError, ConfigurationError without dask. After another error no job is left.
    """
    require_dask()
    from scar.cluster import tls

    resources = choose_resources(cluster.function, settings.vcpus, settings.memory)
    spec = tls.build_spec(
        tls.new_security(),
        resources,
        death_timeout=settings.death_timeout,
        idle_timeout=settings.idle_timeout,
    )
    cluster.stage.write_spec(spec)
    submitted: list[str] = []
    try:
        cluster.stage.delete_scheduler_record()
        scheduler = cluster.jobs.submit(
            cluster_record.SCHEDULER, cluster_record.SCHEDULER, attempts=1
        )
        submitted.append(scheduler)
        _submit_workers(cluster, range(settings.workers), resources, submitted.append, report)
    except BaseException:
        cluster.stage.delete_spec()
        for job in submitted:
            cluster.jobs.terminate(job)
        raise
    return scheduler, spec


def scale_cluster(
    cluster: Cluster, workers: int, report: Callable[[str], None] = lambda _: None
) -> int:
    """Submit or end workers until there are that many; return how many more there are.

    Those that wait are ended before those that run. Raise NoClusterError.
    """
    spec = cluster.stage.read_spec()
    if spec is None:
        raise _no_cluster(cluster)
    listed = cluster.list_jobs()
    present = [job for job in listed if not job.has_ended and not job.is_scheduler]
    missing = workers - len(present)
    if missing > 0:
        numbers = [int(job.member.split("-")[1]) for job in listed if not job.is_scheduler]
        first = max(numbers, default=-1) + 1
        vcpus = float(spec.job_vcpus) if spec.job_vcpus else None
        resources = choose_resources(cluster.function, vcpus, spec.job_memory or None)
        _submit_workers(cluster, range(first, first + missing), resources, lambda _: None, report)
    elif missing < 0:
        surplus = sorted(present, key=lambda job: (job.status == "RUNNING", -job.created))
        _terminate(cluster, surplus[:-missing], report)
    return missing


def stop_cluster(
    cluster: Cluster,
    *,
    timeout: float,
    report: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """End all jobs of a cluster and delete its private key; return how many jobs it ended.

    Wait until they have ended, for ``timeout`` seconds at most: Batch may list a job only seconds
    after its submission. Raise NoClusterError if there is nothing to stop.
    """
    had_spec = cluster.stage.read_spec() is not None
    # First: a job that starts now finds no cluster, and ends.
    cluster.stage.delete_spec()
    ended: set[str] = set()
    waited = 0.0
    while unfinished := [job for job in cluster.list_jobs() if not job.has_ended]:
        # The scheduler first: workers end with it.
        new = sorted(
            (job for job in unfinished if job.id not in ended), key=lambda job: not job.is_scheduler
        )
        _terminate(cluster, new, report)
        ended.update(job.id for job in new)
        report(f"{format_count(len(unfinished), 'job')} ending")
        if waited >= timeout:
            break
        sleep(STOP_PAUSE)
        waited += STOP_PAUSE
    if not ended and not had_spec:
        raise _no_cluster(cluster)
    return len(ended)


def summarize_clusters(connection: AwsConnection, function: str) -> Sequence[ClusterSummary]:
    """Return the clusters that were not stopped or have unfinished jobs, by name."""
    batch, s3 = connection.client("batch"), connection.client("s3")
    bucket = names.state_bucket_name(connection.account)
    found = find_cluster_function(batch, function)
    by_cluster: dict[str, list[MemberJob]] = {
        name: [] for name in list_clusters(s3, bucket, function)
    }
    for job in list_member_jobs(batch, found):
        if not job.has_ended:
            by_cluster.setdefault(job.cluster, []).append(job)
    return [
        _summarize(
            ClusterStage(s3=s3, bucket=bucket, path=ClusterPath(function=function, cluster=name)),
            jobs,
        )
        for name, jobs in sorted(by_cluster.items())
    ]


def _summarize(stage: ClusterStage, jobs: Iterable[MemberJob]) -> ClusterSummary:
    workers: dict[str, int] = {}
    scheduler, ids, reasons = "", [], set()
    for job in jobs:
        ids.append(job.id)
        if job.reason:
            reasons.add(job.reason)
        if job.is_scheduler:
            scheduler = job.status
        else:
            workers[job.status] = workers.get(job.status, 0) + 1
    spec = stage.read_spec()
    address = spec.scheduler if spec else ""
    if address:
        scheduler = "process"
    elif scheduler:
        record = stage.read_scheduler()
        is_running = record is not None and record.state == cluster_record.RUNNING
        address = record.address if record is not None and is_running else ""
    return ClusterSummary(
        name=stage.path.cluster,
        scheduler=scheduler,
        address=address,
        workers=workers,
        reasons=tuple(sorted(reasons)),
        jobs=tuple(ids),
    )


def _submit_workers(
    cluster: Cluster,
    numbers: Iterable[int],
    resources: MemberSize,
    submitted: Callable[[str], None],
    report: Callable[[str], None],
) -> None:
    def submit(number: int) -> None:
        name = f"{cluster_record.WORKER}-{number}"
        submitted(cluster.jobs.submit(new_member_id(name), name, resources))

    for count, _ in enumerate(map_unordered(numbers, submit, workers=PARALLEL), start=1):
        report(f"{format_count(count, 'worker')} submitted")


def _terminate(cluster: Cluster, jobs: Iterable[MemberJob], report: Callable[[str], None]) -> None:
    ids = [job.id for job in jobs]
    for count, _ in enumerate(map_unordered(ids, cluster.jobs.terminate, workers=PARALLEL), 1):
        report(f"{format_count(count, 'job')} terminated")


def _no_cluster(cluster: Cluster) -> NoClusterError:
    return NoClusterError(
        f"{cluster.function.name} has no cluster {cluster.name}.",
        remedy=f"`scar cluster ls -n {cluster.function.name}` lists its clusters.",
    )
