"""The Batch calls about jobs: submit, describe, list, terminate, cancel."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from scar.local.batch import description
from scar.local.batch.model import BatchJob, JobStatus
from scar.local.batch.submission import BatchApiError, client_error
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.moto.calls import signing_scope
from scar.local.moto.error_responses import ApiError, render_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.batch.model import BatchRegistry
    from scar.local.batch.service import BatchService
    from scar.local.http.messages import Request, RequestBody

MAX_DESCRIBED = 100  # DescribeJobs
MAX_LISTED = 1_000
MAX_BODY = 1 << 20


class BatchApp:
    """Answers for the jobs of ``service``."""

    def __init__(self, service: BatchService, registry: BatchRegistry) -> None:
        self._service = service
        self._registry = registry

    def handle(self, request: Request) -> Response:
        found = signing_scope(request)
        region = found[1] if found else "us-east-1"
        try:
            answer = self._dispatch_operation(
                request.path.rpartition("/")[2], _read_parameters(request.body), region
            )
        except BatchApiError as refused:
            return render_error("batch", refused.error_response)
        return Response(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(answer).encode(),
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
                return self._list_jobs(parameters, region)
            case "terminatejob":
                self._service.terminate(*_parse_job_and_reason(parameters))
                return {}
            case "canceljob":
                self._service.cancel(*_parse_job_and_reason(parameters))
                return {}
            case _:
                raise BatchApiError(
                    ApiError(code="NotImplemented", message=f"No call {operation}.", status=501)
                )

    def _submit_job(self, parameters: dict[str, Any], region: str) -> dict[str, object]:
        job = self._service.submit(parameters, region)
        return {"jobArn": description.job_arn(job), "jobName": job.name, "jobId": job.id}

    def _describe_jobs(self, parameters: dict[str, Any]) -> dict[str, object]:
        wanted = parameters.get("jobs")
        if not isinstance(wanted, list) or len(wanted) > MAX_DESCRIBED:
            raise client_error(f"jobs must be a list of at most {MAX_DESCRIBED} ids")
        jobs = [self._service.store.get(_job_id(str(job))) for job in wanted]
        return {"jobs": [description.job_detail(job) for job in jobs if job is not None]}

    def _list_jobs(self, parameters: dict[str, Any], region: str) -> dict[str, object]:
        if parameters.get("arrayJobId") or parameters.get("multiNodeJobId"):
            raise BatchApiError(
                ApiError(
                    code="NotImplemented",
                    message="The local cloud does not emulate array and multi-node jobs.",
                    status=501,
                )
            )
        queue = self._registry.find_queue(str(parameters.get("jobQueue", "")), region)
        if queue is None:
            raise client_error(f"JobQueue {parameters.get('jobQueue', '')} not found.")
        filters = parameters.get("filters") or []
        # AWS lists running jobs if neither a state nor a filter is asked for.
        status = None if filters else _parse_status(parameters.get("jobStatus") or "RUNNING")
        limit = _parse_max_results(parameters.get("maxResults"))
        jobs, place = self._find_matching_jobs(
            queue.arn, status, filters, _parse_next_token(parameters), limit
        )
        answer: dict[str, object] = {
            "jobSummaryList": [description.job_summary(job) for job in jobs]
        }
        if place is not None:
            answer["nextToken"] = base64.urlsafe_b64encode(str(place).encode()).decode()
        return answer

    def _find_matching_jobs(
        self,
        queue: str,
        status: JobStatus | None,
        filters: list[dict[str, Any]],
        before: int | None,
        limit: int,
    ) -> tuple[list[BatchJob], int | None]:
        """Return up to ``limit`` fitting jobs and where to go on (None: that was all)."""
        found: list[BatchJob] = []
        while rows := self._service.store.list_page(queue, status, before, MAX_LISTED):
            for number, job in rows:
                if len(found) == limit:
                    return found, before
                before = number
                if all(_matches_filter(job, wanted) for wanted in filters):
                    found.append(job)
        return found, None


def _matches_filter(job: BatchJob, job_filter: Mapping[str, Any]) -> bool:
    """Compare as ListJobs documents it: names without case, a trailing ``*`` for more."""
    values = [str(value) for value in job_filter.get("values") or []]
    match job_filter.get("name"):
        case "JOB_NAME":
            return any(_matches_name(job.name, value) for value in values)
        case "JOB_DEFINITION":
            name = job.spec.definition.rpartition("/")[2]
            return any(
                _matches_name(name, value) or _matches_name(job.spec.definition_name, value)
                for value in (value.rpartition("/")[2] for value in values)
            )
        case "BEFORE_CREATED_AT":
            return any(job.created < int(value) for value in values)
        case "AFTER_CREATED_AT":
            return any(job.created > int(value) for value in values)
        case name:
            raise client_error(f"The local cloud does not know the filter {name}.")


def _matches_name(name: str, pattern: str) -> bool:
    pattern = pattern.lower()
    if pattern.endswith("*"):
        return name.lower().startswith(pattern[:-1])
    return name.lower() == pattern


def _parse_status(name: object) -> JobStatus:
    try:
        return JobStatus(str(name))
    except ValueError as error:
        raise client_error(f"{name} is not a job status") from error


def _parse_max_results(value: object) -> int:
    return min(value, MAX_LISTED) if isinstance(value, int) and value > 0 else MAX_LISTED


def _parse_next_token(parameters: Mapping[str, Any]) -> int | None:
    token = parameters.get("nextToken")
    if not token:
        return None
    try:
        return int(base64.urlsafe_b64decode(str(token)))
    except ValueError as error:
        raise client_error("nextToken is invalid") from error


def _parse_job_and_reason(parameters: Mapping[str, Any]) -> tuple[str, str]:
    job, reason = parameters.get("jobId"), parameters.get("reason")
    if not isinstance(job, str) or not isinstance(reason, str) or not job or not reason:
        raise client_error("jobId and reason are needed")
    return _job_id(job), reason


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
