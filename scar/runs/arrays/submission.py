"""Submit events as array jobs: a manifest in the state bucket, and one SubmitJob for each."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from scar.aws.client import errors
from scar.errors import ScarError
from scar.runs.arrays.array_plan import JobResources, divide
from scar.runs.arrays.array_store import ArrayJob
from supervisor.batch.array_manifest import (
    ARRAY_PREFIX,
    ArrayPath,
    build_array_request,
    build_manifest,
)
from supervisor.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayStore
    from supervisor.model import JobRequest

# Seconds after which ListJobs is asked for a job whose submission was not answered: Batch's lists
# are updated a moment later.
LOOKUP_PAUSES = (2.0, 5.0, 10.0)
MAX_SUBMISSIONS = 3  # of one array, if none of them is answered


class SubmissionUnknownError(ScarError):
    """SubmitJob was not answered several times, and no job was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayRequest:
    """What is submitted: a function's job queue, and what to record about the arrays.

    ``overrides`` are further fields of SubmitJob, such as ``timeout``; ``containerOverrides`` of
    theirs are merged with the variables of the manifest. ``is_retry``: the runs failed before.
    """

    function: str
    queue: str
    source: str
    principal: str
    is_retry: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArraySubmitter:
    """Submits arrays with the user's own credentials. Methods raise ScarError."""

    store: ArrayStore
    batch: BatchClient
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    new_id: Callable[[], str] = lambda: f"{ARRAY_PREFIX}{secrets.token_hex(6)}"

    def submit(self, events: Sequence[str], request: ArrayRequest) -> Iterator[ArrayJob]:
        """Submit the events (2 or more) as arrays of up to 10,000; yield each accepted one.

        After an error the arrays before it remain submitted. The manifest of an array without a job
        starts nothing, and is deleted after 90 days as records are.
        """
        for part in divide(events):
            yield self._submit_array(part, request)

    def _submit_array(self, events: Sequence[str], request: ArrayRequest) -> ArrayJob:
        created = datetime.fromtimestamp(self.now(), UTC)
        path = ArrayPath(
            function=request.function, date=f"{created:%Y-%m-%d}", array_id=self.new_id()
        )
        try:
            manifest = build_manifest(events)
        except EventError as error:
            raise ScarError(error.problem, remedy=error.remedy) from error
        description: dict[str, object] = {
            "function": request.function,
            "source": request.source,
            "by": request.principal,
            "created": created.isoformat(timespec="seconds"),
            "queue": request.queue,
        }
        self.store.write_manifest(path, manifest, description)
        job = self._submit_job(build_array_request(path, self.store.bucket, manifest), request)
        array = ArrayJob(
            path=path,
            job=job,
            count=manifest.count,
            submitted=self.now(),
            is_retry=request.is_retry,
        )
        try:
            self.store.write_job(array)
        except ScarError as error:
            raise ScarError(
                f"The array job {job} was submitted, but cannot be recorded: {error.problem}",
                remedy=f"{error.remedy} Its runs are recorded all the same; `scar status` shows"
                " them when they have begun.",
            ) from error
        return array

    def _submit_job(self, job: JobRequest, request: ArrayRequest) -> str:
        """Submit the job once, and return its id.

        SubmitJob has no idempotency token: without a response, the job is looked for by its name,
        which no other array has, before it is submitted again.
        """
        for attempt in count(1):
            try:
                return self.batch.submit_job(**_submission(job, request))["jobId"]
            except errors.SDK_ERRORS as error:
                if not _is_unanswered(error):
                    raise errors.to_scar_error(error, f"submit the array job {job.name}") from error
                if found := self._find_job(job.name, request.queue):
                    return found
                if attempt == MAX_SUBMISSIONS:
                    raise _unknown_submission(job, error) from error
        raise AssertionError  # the loop above has no other end

    def _find_job(self, name: str, queue: str) -> str:
        with errors.translate_errors(f"look for the array job {name}"):
            for pause in LOOKUP_PAUSES:
                self.sleep(pause)
                jobs = self.batch.list_jobs(
                    jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}]
                )["jobSummaryList"]
                if jobs:
                    return jobs[0]["jobId"]
        return ""


def read_resources(batch: BatchClient, function: str) -> JobResources | None:
    """Return what a job of the function may use, None without a job definition."""
    with errors.translate_errors(f"read the job definition {function}"):
        found = batch.describe_job_definitions(jobDefinitionName=function, status="ACTIVE")
    if not found["jobDefinitions"]:
        return None
    latest = max(found["jobDefinitions"], key=lambda one: one["revision"])
    needs = {
        one["type"]: one["value"]
        for one in latest.get("containerProperties", {}).get("resourceRequirements", [])
    }
    return JobResources(
        vcpus=float(needs.get("VCPU", "1")),
        memory=int(needs.get("MEMORY", "0")),
        gpus=int(needs.get("GPU", "0")),
        timeout=latest.get("timeout", {}).get("attemptDurationSeconds", 0),
        is_fargate="FARGATE" in latest.get("platformCapabilities", []),
    )


def _submission(job: JobRequest, request: ArrayRequest) -> dict[str, Any]:
    """Return the parameters of SubmitJob: image, role and timeout are the job definition's."""
    overrides = {
        **request.overrides.get("containerOverrides", {}),
        "environment": [
            *request.overrides.get("containerOverrides", {}).get("environment", []),
            *({"name": name, "value": value} for name, value in job.environment.items()),
        ],
    }
    return {
        **request.overrides,
        "jobName": job.name,
        "jobQueue": request.queue,
        "jobDefinition": request.function,
        "arrayProperties": {"size": job.array_size},
        "containerOverrides": overrides,
    }


def _unknown_submission(job: JobRequest, error: errors.SdkError) -> SubmissionUnknownError:
    return SubmissionUnknownError(
        f"AWS Batch did not answer SubmitJob for the array job {job.name}, and has no such job:"
        f" {error}",
        remedy="Run the same command again: files whose run is done or in progress are"
        " skipped, and of two children of a run the second ends without running the script.",
    )


def _is_unanswered(error: errors.SdkError) -> bool:
    """Return whether a job may exist: the response was lost, or was a server's error."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500
    # botocore raises HTTPClientError and its subclasses if there is no response.
    return isinstance(error, HTTPClientError) and not isinstance(error, EndpointConnectionError)
