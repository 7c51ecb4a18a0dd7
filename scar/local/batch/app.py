"""The Batch operations on jobs over HTTP: submit, describe, list, terminate, cancel."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from scar.aws.model import limits
from scar.local.batch import description
from scar.local.batch.job_lists import JobLists
from scar.local.batch.nodes import split_node_id
from scar.local.batch.submission import BatchApiError, client_error
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.moto.calls import signing_scope
from scar.local.moto.error_responses import ApiError, render_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.batch.model import BatchRegistry
    from scar.local.batch.service import BatchService
    from scar.local.http.messages import Request, RequestBody

MAX_DESCRIBED = 100  # jobs of one DescribeJobs request
MAX_ENDED = 50  # jobs of one CancelJobs or TerminateJobs request (model, 2026-11)
MAX_BODY = 1 << 20  # bytes
_JOB_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:[:#][0-9]{1,5})?")


class BatchApp:
    """Serves the job operations of AWS Batch."""

    def __init__(self, service: BatchService, registry: BatchRegistry) -> None:
        self._service = service
        self._lists = JobLists(service.store, registry)

    def handle(self, request: Request) -> Response:
        scope = signing_scope(request)
        region = scope[1] if scope else "us-east-1"
        try:
            content = self._dispatch_operation(
                request.path.rpartition("/")[2], _read_parameters(request.body), region
            )
        except BatchApiError as error:
            return render_error("batch", error.error_response)
        return Response(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(content).encode(),
        )

    def _dispatch_operation(
        self, operation: str, parameters: dict[str, Any], region: str
    ) -> dict[str, object]:
        match operation:
            case "submitjob":
                return self._submit_job(parameters, region)
            case "describejobs":
                return self._describe_jobs(parameters)
            case "listjobs":
                return self._lists.list_jobs(parameters, region)
            case "getjobqueuesnapshot":
                name = str(parameters.get("jobQueue", ""))
                return self._service.queue_snapshot(self._lists.find_queue(name, region))
            case "terminatejob" | "canceljob":
                self._ending(operation)(*_parse_job_and_reason(parameters))
                return {}
            case "terminatejobs" | "canceljobs":
                return _end_jobs(parameters, self._ending(operation))
            case _:
                raise BatchApiError(
                    ApiError(
                        code="NotImplemented",
                        message=f"The local cloud does not emulate {operation} of batch.",
                        status=501,
                    )
                )

    def _ending(self, operation: str) -> Callable[[str, str], None]:
        is_termination = operation.startswith("terminate")
        return self._service.terminate if is_termination else self._service.cancel

    def _submit_job(self, parameters: dict[str, Any], region: str) -> dict[str, object]:
        job = self._service.submit(parameters, region)
        return {"jobArn": description.job_arn(job), "jobName": job.name, "jobId": job.id}

    def _describe_jobs(self, parameters: dict[str, Any]) -> dict[str, object]:
        job_ids = parameters.get("jobs")
        if not isinstance(job_ids, list) or len(job_ids) > MAX_DESCRIBED:
            raise client_error(f"jobs must be a list of at most {MAX_DESCRIBED} job IDs")
        described = [self._describe_job(_job_id(str(job_id))) for job_id in job_ids]
        return {"jobs": [job for job in described if job is not None]}

    def _describe_job(self, job_id: str) -> dict[str, object] | None:
        """Return a job, a child of an array, or a node of a job; None if it does not exist."""
        parent, index = split_node_id(job_id)
        store = self._service.store
        job = store.get(parent)
        if job is None or index is None:
            return None if job is None else description.job_detail(job, store.child_counts(job))
        return description.node_detail(job, index) if index < job.spec.nodes else None


def _parse_reason(parameters: Mapping[str, Any]) -> str:
    reason = parameters.get("reason")
    if not isinstance(reason, str) or not reason:
        raise client_error("reason is required")
    if not limits.BATCH_REASON.allows(len(reason)):
        raise client_error(f"reason must have at most {limits.BATCH_REASON.maximum} characters")
    return reason


def _parse_job_and_reason(parameters: Mapping[str, Any]) -> tuple[str, str]:
    job, reason = parameters.get("jobId"), _parse_reason(parameters)
    if not isinstance(job, str) or not job:
        raise client_error("jobId is required")
    if split_node_id(_job_id(job))[1] is not None:
        raise BatchApiError(
            ApiError(
                code="NotImplemented",
                message="The local cloud does not emulate the end of single nodes: end the job.",
                status=501,
            )
        )
    return _job_id(job), reason


def _end_jobs(
    parameters: Mapping[str, Any], end_job: Callable[[str, str], None]
) -> dict[str, object]:
    """Handle TerminateJobs or CancelJobs: a job that does not exist is a success, as on AWS."""
    jobs, reason = parameters.get("jobs"), _parse_reason(parameters)
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_ENDED:
        raise client_error(f"jobs must be a list of 1 to {MAX_ENDED} job IDs")
    successful: list[str] = []
    errors: list[dict[str, str]] = []
    for job in map(str, jobs):
        if _JOB_ID.fullmatch(_job_id(job)):
            end_job(_job_id(job), reason)
            successful.append(job)
        else:
            message = f"{job} is not a valid job ID."
            errors.append({"job": job, "code": "ValidationException", "message": message})
    return {"successful": successful, "errors": errors}


def _job_id(job: str) -> str:
    return job.rpartition("/")[2]


def _read_parameters(body: RequestBody) -> dict[str, Any]:
    data = read_all(body, MAX_BODY)
    if data is None:
        raise client_error(f"Job size must be less than 30 KiB, got over {MAX_BODY >> 10} KiB")
    try:
        value = json.loads(data or b"{}")
    except ValueError as error:
        raise client_error(f"The request is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise client_error("The request is not a JSON object")
    return value
