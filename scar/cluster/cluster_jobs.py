"""The jobs of clusters: submit, describe, list and terminate them."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import translate_errors
from scar.aws.model import names
from scar.errors import UsageError
from supervisor.batch.submit_parameters import build_submit_parameters
from supervisor.job_model import JobRequest
from supervisor.runs import cluster_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobSummaryTypeDef

    from scar.cluster.cluster_function import ClusterFunction, MemberSize
    from supervisor.job_model import BatchTarget
    from supervisor.runs.cluster_record import ClusterPath

ENDED_STATUSES = frozenset({"SUCCEEDED", "FAILED"})
DESCRIBED_AT_ONCE = 100  # docs: DescribeJobs, jobs
STOP_REASON = "The cluster was stopped."


def new_cluster_name() -> str:
    """Return a name for a cluster that the user does not name."""
    return secrets.token_hex(4)


def check_cluster_name(name: str) -> None:
    """Raise UsageError for a name that is not empty and cannot be a cluster's."""
    if name and not cluster_record.CLUSTER_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a cluster.",
            remedy="Use at most 32 lower-case letters, digits and hyphens.",
        )


def new_member_id(name: str) -> str:
    """Return the id of a worker's job, unique also among jobs that replace each other."""
    return f"{name}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJob:
    """One job of a cluster; ``created`` in epoch seconds, ``reason`` is its statusReason."""

    cluster: str
    member: str
    id: str
    status: str
    created: float = 0.0
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED_STATUSES

    @property
    def is_scheduler(self) -> bool:
        return self.member == cluster_record.SCHEDULER


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJobs:
    """Submits and ends the jobs of one cluster; methods raise ScarError. Thread-safe.

    ``target``: where jobs of the function are submitted, with their share and priority.
    """

    batch: BatchClient
    bucket: str
    function: ClusterFunction
    target: BatchTarget
    path: ClusterPath

    def submit(
        self,
        member: str,
        name: str,
        resources: MemberSize | None = None,
        *,
        attempts: int = 0,
    ) -> str:
        """Submit one member's job; return its id.

        ``name`` is that of the process in dask. ``attempts`` 0: the job definition's, which
        repeat a job whose host is lost. The SDK may submit a job twice if a response is lost: the
        second one finds the record of the first and ends.
        """
        job = JobRequest(
            name=f"{self._name_prefix}{member}",
            environment={
                cluster_record.URL_VARIABLE: f"s3://{self.bucket}/{self.path.spec_key}",
                cluster_record.ID_VARIABLE: member,
                cluster_record.NAME_VARIABLE: name,
            },
            attempts=attempts,
        )
        if resources is not None and resources.is_override:
            job = replace(job, vcpus=f"{resources.vcpus:g}", memory=resources.memory)
        # The type of boto3's stubs is that of this very dict.
        request: Any = build_submit_parameters(self.target, job)
        tags = {names.FUNCTION_TAG: self.function.name, names.CLUSTER_TAG: self.path.cluster}
        with translate_errors(f"submit the job {job.name}"):
            return self.batch.submit_job(**request, tags=tags)["jobId"]

    def terminate(self, job: str, reason: str = STOP_REASON) -> None:
        """End a job in any state; one that has ended does not change."""
        with translate_errors(f"terminate the Batch job {job}"):
            self.batch.terminate_job(jobId=job, reason=reason)

    @property
    def _name_prefix(self) -> str:
        return f"{self.function.name}-cluster-{self.path.cluster}-"


def describe_states(batch: BatchClient, jobs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    """Return status and reason of each job that Batch still knows, by id."""
    found: dict[str, tuple[str, str]] = {}
    ids = list(jobs)
    for start in range(0, len(ids), DESCRIBED_AT_ONCE):
        with translate_errors("describe the Batch jobs"):
            response = batch.describe_jobs(jobs=ids[start : start + DESCRIBED_AT_ONCE])
        for job in response["jobs"]:
            container = job.get("container", {})
            status = container.get("exitCode")
            reasons = (
                job.get("statusReason", ""),
                container.get("reason", ""),
                "" if status is None else f"exit status {status}",
            )
            found[job["jobId"]] = job["status"], "; ".join(filter(None, reasons))
    return found


def list_member_jobs(
    batch: BatchClient, function: ClusterFunction, cluster: str = ""
) -> Iterator[MemberJob]:
    """Yield the jobs of a function's clusters, or of one, ended ones too.

    The job definition says whose they are: a job of the function ``grid-cluster-x`` may have the
    name of one of ``grid``.
    One listing for each of scar's queues: a changed compute environment has another queue, and
    jobs stay where they were submitted. Batch may list a job only seconds after its submission.
    """
    prefix = f"{function.name}-cluster-"
    pattern = re.compile(
        rf"{re.escape(prefix)}(?P<cluster>{cluster_record.CLUSTER_NAME.pattern})"
        rf"-(?P<member>{cluster_record.SCHEDULER}|{cluster_record.WORKER}-\d+-[0-9a-f]{{6}})"
    )
    wanted = f"{prefix}{cluster}-*" if cluster else f"{prefix}*"
    with translate_errors("list the Batch jobs"):
        for queue in _list_queues(batch, function.queue):
            # With a filter Batch returns jobs in all states.
            pages = batch.get_paginator("list_jobs").paginate(
                jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [wanted]}]
            )
            for job in (job for page in pages for job in page["jobSummaryList"]):
                match = pattern.fullmatch(job["jobName"])
                if match is None or (cluster and match["cluster"] != cluster):
                    continue
                if _function_of(job) != function.name:
                    continue
                yield MemberJob(
                    cluster=match["cluster"],
                    member=match["member"],
                    id=job["jobId"],
                    status=job.get("status", ""),
                    created=job.get("createdAt", 0) / 1000,
                    reason=job.get("statusReason", ""),
                )


def _function_of(job: JobSummaryTypeDef) -> str:
    """Return the name of the job definition in its ARN, ``…:job-definition/<name>:<revision>``."""
    return job.get("jobDefinition", "").rpartition("/")[2].partition(":")[0]


def _list_queues(batch: BatchClient, own: str) -> list[str]:
    pages = batch.get_paginator("describe_job_queues").paginate()
    existing = (item["jobQueueName"] for page in pages for item in page["jobQueues"])
    return [name for name in existing if name == own or name.startswith(names.SHARED_PREFIX)]
