"""The Batch operations on jobs over HTTP: submit, describe, list, terminate, cancel."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from scar.local.batch import description
from scar.local.batch.model import BatchJob, JobStatus
from scar.local.batch.nodes import split_node_id
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

MAX_DESCRIBED = 100  # jobs of one DescribeJobs request
MAX_LISTED = 1_000  # jobs of one ListJobs response
MAX_BODY = 1 << 20  # bytes


class BatchApp:
    """Serves the job operations of AWS Batch."""

    def __init__(self, service: BatchService, registry: BatchRegistry) -> None:
        self._service = service
        self._registry = registry

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
                return self._list_jobs(parameters, region)
            case "terminatejob":
                self._service.terminate(*_parse_job_and_reason(parameters))
                return {}
            case "canceljob":
                self._service.cancel(*_parse_job_and_reason(parameters))
                return {}
            case _:
                raise BatchApiError(
                    ApiError(
                        code="NotImplemented",
                        message=f"The local cloud does not emulate {operation} of batch.",
                        status=501,
                    )
                )

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
        """Return a job or a node of one; None if it does not exist."""
        parent, index = split_node_id(job_id)
        job = self._service.store.get(parent)
        if job is None or index is None:
            return None if job is None else description.job_detail(job)
        return description.node_detail(job, index) if index < job.spec.nodes else None

    def _list_nodes(self, parameters: dict[str, Any]) -> dict[str, object]:
        job = self._service.store.get(_job_id(str(parameters["multiNodeJobId"])))
        if job is None or not job.spec.nodes:
            raise client_error(f"{parameters['multiNodeJobId']} is not a multi-node job.")
        status = _parse_status(parameters.get("jobStatus") or "RUNNING")
        return {"jobSummaryList": description.node_summaries(job, status)}

    def _list_jobs(self, parameters: dict[str, Any], region: str) -> dict[str, object]:
        if parameters.get("multiNodeJobId"):
            return self._list_nodes(parameters)
        if parameters.get("arrayJobId"):
            raise BatchApiError(
                ApiError(
                    code="NotImplemented",
                    message="The local cloud does not emulate array jobs.",
                    status=501,
                )
            )
        queue = self._registry.find_queue(str(parameters.get("jobQueue", "")), region)
        if queue is None:
            raise client_error(f"JobQueue {parameters.get('jobQueue', '')} not found.")
        filters = parameters.get("filters") or []
        # AWS lists RUNNING jobs if the request has neither a status nor a filter.
        status = None if filters else _parse_status(parameters.get("jobStatus") or "RUNNING")
        limit = _parse_max_results(parameters.get("maxResults"))
        jobs, position = self._find_matching_jobs(
            queue.arn, status, filters, _parse_next_token(parameters), limit
        )
        content: dict[str, object] = {
            "jobSummaryList": [description.job_summary(job) for job in jobs]
        }
        if position is not None:
            content["nextToken"] = base64.urlsafe_b64encode(str(position).encode()).decode()
        return content

    def _find_matching_jobs(
        self,
        queue: str,
        status: JobStatus | None,
        filters: list[dict[str, Any]],
        before: int | None,
        limit: int,
    ) -> tuple[list[BatchJob], int | None]:
        """Return up to ``limit`` matching jobs and the position of the next page, or None."""
        matching: list[BatchJob] = []
        while rows := self._service.store.list_page(queue, status, before, MAX_LISTED):
            for number, job in rows:
                # A filter may match few of the rows: pages of the store are read until the page of
                # the response is full.
                if len(matching) == limit:
                    return matching, before
                before = number
                if all(_matches_filter(job, job_filter) for job_filter in filters):
                    matching.append(job)
        return matching, None


def _matches_filter(job: BatchJob, job_filter: Mapping[str, Any]) -> bool:
    """Match as ListJobs documents it: names ignore case, a trailing ``*`` matches any rest."""
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
            raise client_error(f"The local cloud does not emulate the ListJobs filter {name}.")


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
        raise client_error("jobId and reason are required")
    if split_node_id(_job_id(job))[1] is not None:
        raise BatchApiError(
            ApiError(
                code="NotImplemented",
                message="The local cloud does not emulate the end of single nodes: end the job.",
                status=501,
            )
        )
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
