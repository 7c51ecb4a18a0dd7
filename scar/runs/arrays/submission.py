"""Submit events as array jobs: a manifest in the state bucket, and one SubmitJob for each."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from scar.aws.client import errors
from scar.errors import ScarError
from scar.runs.arrays.array_plan import ChildResources, divide
from scar.runs.arrays.array_recovery import LOOKUP_PAUSES, find_job_by_name
from scar.runs.arrays.array_store import ArrayJob
from supervisor.batch.array_manifest import (
    ARRAY_PREFIX,
    ArrayPath,
    build_array_request,
    build_manifest,
)
from supervisor.batch.job_request import first_job, options_to_json
from supervisor.batch.submit_parameters import build_submit_parameters
from supervisor.errors import EventError, SubmissionError
from supervisor.job_model import JobOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayStore
    from supervisor.job_model import BatchTarget, JobRequest

MAX_SUBMISSIONS = 3  # of one array, if none of them is answered


class SubmissionUnknownError(ScarError):
    """SubmitJob was not answered several times, and no job was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayRequest:
    """What is submitted: where a function's jobs go, and what to record about the arrays.

    ``options`` are what each child requests. ``is_retry``: the runs failed before.
    """

    function: str
    target: BatchTarget
    source: str
    principal: str
    is_retry: bool = False
    options: JobOptions = field(default_factory=JobOptions)


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
        starts nothing, and is deleted after 90 days as records are. If this process is killed
        between a submission and its record, ``array_recovery`` finds the job.
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
        }
        requested = first_job(request.target, request.options)
        parameters = _build_parameters(
            build_array_request(path, self.store.bucket, manifest, requested), request.target
        )
        description["queue"] = parameters["jobQueue"]
        if request.options != JobOptions():
            description["options"] = options_to_json(request.options)
        if request.is_retry:
            description["retry"] = True
        self.store.write_manifest(path, manifest, description)
        try:
            job = self._submit_job(parameters)
        except SubmissionUnknownError:
            raise
        except ScarError:
            with contextlib.suppress(ScarError):  # otherwise readers search for a job
                self.store.write_not_submitted(path)
            raise
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
                remedy=f"{error.remedy} `scar status` finds it and records it.",
            ) from error
        return array

    def _submit_job(self, parameters: dict[str, Any]) -> str:
        """Submit the job once, and return its id.

        SubmitJob has no idempotency token: without a response, the job is looked for by its name,
        which no other array has, before it is submitted again.
        """
        name = parameters["jobName"]
        for attempt in count(1):
            try:
                return self.batch.submit_job(**parameters)["jobId"]
            except errors.SDK_ERRORS as error:
                if not _is_unanswered(error):
                    raise errors.to_scar_error(error, f"submit the array job {name}") from error
                if found := self._find_job(name, parameters["jobQueue"]):
                    return found
                if attempt == MAX_SUBMISSIONS:
                    raise _unknown_submission(name, error) from error
        raise AssertionError  # the loop above has no other end

    def _find_job(self, name: str, queue: str) -> str:
        for pause in LOOKUP_PAUSES:
            self.sleep(pause)
            if job := find_job_by_name(self.batch, queue, name):
                return job
        return ""


def read_resources(batch: BatchClient, function: str) -> ChildResources | None:
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
    return ChildResources(
        vcpus=float(needs.get("VCPU", "1")),
        memory=int(needs.get("MEMORY", "0")),
        gpus=int(needs.get("GPU", "0")),
        timeout=latest.get("timeout", {}).get("attemptDurationSeconds", 0),
        is_fargate="FARGATE" in latest.get("platformCapabilities", []),
        attempts=latest.get("retryStrategy", {}).get("attempts", 1),
    )


def _build_parameters(job: JobRequest, target: BatchTarget) -> dict[str, Any]:
    try:
        return build_submit_parameters(target, job)
    except SubmissionError as error:
        raise ScarError(error.problem, remedy=error.remedy) from error


def _unknown_submission(job: str, error: errors.SdkError) -> SubmissionUnknownError:
    return SubmissionUnknownError(
        f"AWS Batch did not answer SubmitJob for the array job {job}, and has no such job: {error}",
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
