"""A Batch client that records requests, and a function whose jobs may form clusters."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.aws.compile.from_fdl import functions_of
from scar.cluster.cluster_function import ClusterFunction
from scar.cluster.cluster_jobs import ClusterJobs
from scar.fdl.model import FdlDocument
from supervisor.job_model import BatchTarget
from supervisor.runs.cluster_record import ClusterPath
from tests.fakes.s3_listing_client import client_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.function import Function

PATH = ClusterPath(function="grid", cluster="night")
BUCKET = "scar-123456789012-eu-west-1"


def definition_arn(name: str, revision: int = 1) -> str:
    return f"arn:aws:batch:eu-west-1:123456789012:job-definition/{name}:{revision}"


@dataclass
class RecordingBatch:
    """Jobs by id with their states; ``submit_job`` numbers them. ``calls`` counts requests.

    The job definitions are those of ``definitions``; other queues than ``queues`` do not exist.
    ``fail_at``: the submission with this number, from 0, raises an error.
    """

    definitions: list[dict[str, Any]] = field(default_factory=list)
    queues: tuple[str, ...] = ("scar-1",)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fail_at: int = -1

    def submit_job(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
        if len(self.submitted) == self.fail_at:
            raise InterruptedError("fail_at")
        self.submitted.append(request)
        job = f"j-{len(self.submitted)}"
        self.jobs[job] = {
            "jobName": request["jobName"],
            "jobDefinition": definition_arn(request["jobDefinition"]),
            "status": "RUNNABLE",
        }
        return {"jobId": job}

    def terminate_job(self, **request: str) -> None:
        assert request["reason"]
        self.terminated.append(request["jobId"])
        self.end(request["jobId"])

    def end(self, job: str) -> None:
        self.jobs[job]["status"] = "FAILED"

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.calls.append("describe_jobs")
        assert 0 < len(jobs) <= 100
        return {"jobs": [{"jobId": job, **self.jobs[job]} for job in jobs if job in self.jobs]}

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)


@dataclass
class Pages:
    """Pages of the listings, one item each."""

    batch: RecordingBatch
    operation: str

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        self.batch.calls.append(self.operation)
        match self.operation:
            case "describe_job_definitions":
                assert request["status"] == "ACTIVE"
                yield from ({"jobDefinitions": [item]} for item in self.batch.definitions)
            case "describe_job_queues":
                yield from ({"jobQueues": [{"jobQueueName": q}]} for q in self.batch.queues)
            case _:
                (job_filter,) = request["filters"]
                pattern = job_filter["values"][0].removesuffix("*").lower()
                for job, detail in reversed(self.batch.jobs.items()):
                    queue = detail.get("queue", self.batch.queues[0])
                    if queue == request["jobQueue"] and detail["jobName"].lower().startswith(
                        pattern
                    ):
                        yield {"jobSummaryList": [{"jobId": job, **detail}]}


class _Exceptions:
    class NoSuchKey(Exception):
        pass

    ClientError = ClientError


@dataclass
class StageS3:
    """An S3 client with the operations of ClusterStage; ``denied``: 403 for absent objects."""

    objects: dict[str, bytes] = field(default_factory=dict)
    denied: bool = False
    exceptions = _Exceptions

    def put_object(self, **params: Any) -> None:  # noqa: ANN401 as boto3 has it
        assert params["Bucket"] == BUCKET
        if params.get("IfNoneMatch") and params["Key"] in self.objects:
            raise client_error("PreconditionFailed", "PutObject")
        self.objects[params["Key"]] = params["Body"]

    def get_object(self, **params: str) -> dict[str, Any]:
        if params["Key"] in self.objects:
            return {"Body": io.BytesIO(self.objects[params["Key"]])}
        if self.denied:
            raise client_error("AccessDenied", "GetObject")
        raise self.exceptions.NoSuchKey

    def delete_object(self, **params: str) -> None:
        self.objects.pop(params["Key"], None)

    def list_objects_v2(self, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        keys = [key for key in self.objects if key.startswith(params["Prefix"])]
        return {"Contents": [{"Key": key} for key in keys[: params["MaxKeys"]]]}


def new_jobs(batch: RecordingBatch, queue: str = "scar-1", **target: Any) -> ClusterJobs:  # noqa: ANN401
    """Return the jobs of a cluster; ``target``: fields of ``BatchTarget``."""
    return ClusterJobs(
        batch=batch,  # type: ignore[arg-type]
        bucket=BUCKET,
        function=ClusterFunction(name="grid", queue=queue, vcpus=2, memory=2048),
        target=BatchTarget(queue=queue, definition="grid", **target),
        path=PATH,
    )


def definition(revision: int = 1, **tags: str) -> dict[str, Any]:
    """Return a revision of the function's job definition; ``_`` in tags stands for a colon."""
    return {
        "jobDefinitionName": "grid",
        "revision": revision,
        "tags": {name.replace("_", ":"): value for name, value in tags.items()},
        "containerProperties": {
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": "2048"},
            ]
        },
    }


def batch_function(name: str, mode: str = "batch", **batch: object) -> Function:
    """Return a function of an FDL document."""
    described = {
        "lambda": {"name": name, "execution_mode": mode, "container": {"image": "daskdev/dask"}},
        "batch": batch,
    }
    (found,) = functions_of(FdlDocument.model_validate({"functions": {"aws": [described]}}))
    return found
