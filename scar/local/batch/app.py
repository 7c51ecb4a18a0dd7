"""The Batch calls about jobs: submit, describe, list, terminate, cancel."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from scar.local.batch import description
from scar.local.batch.model import Job, JobStatus
from scar.local.batch.submission import SubmitRefused, client_error
from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.moto.calls import scope
from scar.local.moto.error_responses import Refusal, respond

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.batch.model import Directory
    from scar.local.batch.service import BatchService
    from scar.local.http.messages import Body, Request

MAX_DESCRIBED = 100  # DescribeJobs
MAX_LISTED = 1_000
MAX_BODY = 1 << 20


class BatchPlane:
    """Answers for the jobs of ``service``."""

    def __init__(self, service: BatchService, directory: Directory) -> None:
        self._service = service
        self._directory = directory

    def handle(self, request: Request) -> Response:
        found = scope(request)
        region = found[1] if found else "us-east-1"
        try:
            answer = self._answer(request.path.rpartition("/")[2], _parse(request.body), region)
        except SubmitRefused as refused:
            return respond("batch", refused.refusal)
        return Response(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(answer).encode(),
        )

    def _answer(self, operation: str, asked: dict[str, Any], region: str) -> dict[str, object]:
        match operation:
            case "submitjob":
                return self._submit(asked, region)
            case "describejobs":
                return self._describe(asked)
            case "listjobs":
                return self._list(asked, region)
            case "terminatejob":
                self._service.terminate(*_job_and_reason(asked))
                return {}
            case "canceljob":
                self._service.cancel(*_job_and_reason(asked))
                return {}
            case _:
                raise SubmitRefused(
                    Refusal(code="NotImplemented", message=f"No call {operation}.", status=501)
                )

    def _submit(self, asked: dict[str, Any], region: str) -> dict[str, object]:
        job = self._service.submit(asked, region)
        return {"jobArn": description.arn(job), "jobName": job.name, "jobId": job.id}

    def _describe(self, asked: dict[str, Any]) -> dict[str, object]:
        wanted = asked.get("jobs")
        if not isinstance(wanted, list) or len(wanted) > MAX_DESCRIBED:
            raise client_error(f"jobs must be a list of at most {MAX_DESCRIBED} ids")
        jobs = [self._service.store.get(_id(str(job))) for job in wanted]
        return {"jobs": [description.detail(job) for job in jobs if job is not None]}

    def _list(self, asked: dict[str, Any], region: str) -> dict[str, object]:
        if asked.get("arrayJobId") or asked.get("multiNodeJobId"):
            raise SubmitRefused(
                Refusal(
                    code="NotImplemented",
                    message="The local cloud does not emulate array and multi-node jobs.",
                    status=501,
                )
            )
        queue = self._directory.queue(str(asked.get("jobQueue", "")), region)
        if queue is None:
            raise client_error(f"JobQueue {asked.get('jobQueue', '')} not found.")
        filters = asked.get("filters") or []
        # AWS lists running jobs if neither a state nor a filter is asked for.
        status = None if filters else _status(asked.get("jobStatus") or "RUNNING")
        limit = _limit(asked.get("maxResults"))
        jobs, place = self._page(queue.arn, status, filters, _place(asked), limit)
        answer: dict[str, object] = {"jobSummaryList": [description.summary(job) for job in jobs]}
        if place is not None:
            answer["nextToken"] = base64.urlsafe_b64encode(str(place).encode()).decode()
        return answer

    def _page(
        self,
        queue: str,
        status: JobStatus | None,
        filters: list[dict[str, Any]],
        place: int | None,
        limit: int,
    ) -> tuple[list[Job], int | None]:
        """Return up to ``limit`` fitting jobs and where to go on (None: that was all)."""
        found: list[Job] = []
        while rows := self._service.store.page(queue, status, place, MAX_LISTED):
            for number, job in rows:
                if len(found) == limit:
                    return found, place
                place = number
                if all(_fits(job, wanted) for wanted in filters):
                    found.append(job)
        return found, None


def _fits(job: Job, wanted: Mapping[str, Any]) -> bool:
    """Compare as ListJobs documents it: names without case, a trailing ``*`` for more."""
    values = [str(value) for value in wanted.get("values") or []]
    match wanted.get("name"):
        case "JOB_NAME":
            return any(_like(job.name, value) for value in values)
        case "JOB_DEFINITION":
            name = job.spec.definition.rpartition("/")[2]
            return any(
                _like(name, value) or _like(job.spec.definition_name, value)
                for value in (value.rpartition("/")[2] for value in values)
            )
        case "BEFORE_CREATED_AT":
            return any(job.created < int(value) for value in values)
        case "AFTER_CREATED_AT":
            return any(job.created > int(value) for value in values)
        case name:
            raise client_error(f"The local cloud does not know the filter {name}.")


def _like(name: str, pattern: str) -> bool:
    pattern = pattern.lower()
    if pattern.endswith("*"):
        return name.lower().startswith(pattern[:-1])
    return name.lower() == pattern


def _status(name: object) -> JobStatus:
    try:
        return JobStatus(str(name))
    except ValueError as error:
        raise client_error(f"{name} is not a job status") from error


def _limit(value: object) -> int:
    return min(value, MAX_LISTED) if isinstance(value, int) and value > 0 else MAX_LISTED


def _place(asked: Mapping[str, Any]) -> int | None:
    token = asked.get("nextToken")
    if not token:
        return None
    try:
        return int(base64.urlsafe_b64decode(str(token)))
    except ValueError as error:
        raise client_error("nextToken is invalid") from error


def _job_and_reason(asked: Mapping[str, Any]) -> tuple[str, str]:
    job, reason = asked.get("jobId"), asked.get("reason")
    if not isinstance(job, str) or not isinstance(reason, str) or not job or not reason:
        raise client_error("jobId and reason are needed")
    return _id(job), reason


def _id(job: str) -> str:
    return job.rpartition("/")[2]


def _parse(body: Body) -> dict[str, Any]:
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
